//! The kinds of event, by name.

use crate::json::string::{JsonStr, is_name};

/// The kind of a device event (clauses P2 to P6).
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EventType<'a> {
    /// `device_online`
    DeviceOnline,
    /// `device_offline`
    DeviceOffline,
    /// `attr_fault`
    AttrFault,
    /// `attr_alert`
    AttrAlert,
    /// `device_status_raw`
    DeviceStatusRaw,
    /// `device_status_kv`
    DeviceStatusKv,
    /// A kind that this crate does not know.
    Other(JsonStr<'a>),
}

impl<'a> EventType<'a> {
    pub(super) fn named(name: JsonStr<'a>) -> Self {
        #[cfg(fast_kernel)]
        if let Some(known) = Self::plainly_named(name.as_bytes()) {
            return known;
        }
        const KNOWN: [(&str, EventType<'static>); 6] = [
            ("device_status_kv", EventType::DeviceStatusKv),
            ("device_status_raw", EventType::DeviceStatusRaw),
            ("device_online", EventType::DeviceOnline),
            ("device_offline", EventType::DeviceOffline),
            ("attr_fault", EventType::AttrFault),
            ("attr_alert", EventType::AttrAlert),
        ];
        let known = KNOWN
            .iter()
            .find(|(known, _)| is_name(name.as_bytes(), known));
        known.map_or(Self::Other(name), |(_, event_type)| *event_type)
    }

    /// By comparisons of known length: quicker than the list, and longer.
    #[cfg(fast_kernel)]
    const fn plainly_named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"device_status_kv" => Self::DeviceStatusKv,
            b"device_status_raw" => Self::DeviceStatusRaw,
            b"device_online" => Self::DeviceOnline,
            b"device_offline" => Self::DeviceOffline,
            b"attr_fault" => Self::AttrFault,
            b"attr_alert" => Self::AttrAlert,
            _ => return None,
        })
    }
}
