//! What a contender has to show: the acks that it would send, and that it has read every field.

/// The acks of all events, and sums over the fields that every contender reads of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) acks: Vec<u8>,
    pub(crate) events: usize,
    kinds: [u32; 7],
    devices: u64,
    millis: u64,
}

impl Outcome {
    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.acks.clear();
        *self = Self {
            acks: std::mem::take(&mut self.acks),
            ..Self::default()
        };
    }

    /// An event that was read.
    pub(crate) fn event(&mut self, kind: usize, device: &str, millis: u64) {
        self.events += 1;
        self.kinds[kind] += 1;
        self.millis = self.millis.wrapping_add(millis);
        for byte in [device.as_bytes().first(), device.as_bytes().last()] {
            self.devices = self.devices.wrapping_mul(31) + u64::from(*byte.unwrap_or(&0));
        }
    }

    /// The ack of an event whose id is this JSON text.
    pub(crate) fn ack(&mut self, id: &[u8]) {
        self.acks
            .extend_from_slice(br#"{"cmd":"enterprise_event_ack","delivery_id":"#);
        self.acks.extend_from_slice(id);
        self.acks.extend_from_slice(b"}\n");
    }

    /// The ack of an event whose id is a number.
    pub(crate) fn ack_number(&mut self, id: u64) {
        use std::io::Write as _;
        self.acks
            .extend_from_slice(br#"{"cmd":"enterprise_event_ack","delivery_id":"#);
        write!(self.acks, "{id}").expect("memory");
        self.acks.extend_from_slice(b"}\n");
    }
}

/// The kinds of event by number, those that are not known last.
pub(crate) fn kind(name: &str) -> usize {
    match name {
        "device_status_kv" => 0,
        "device_status_raw" => 1,
        "device_online" => 2,
        "device_offline" => 3,
        "attr_fault" => 4,
        "attr_alert" => 5,
        _ => 6,
    }
}
