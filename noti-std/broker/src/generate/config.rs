//! What is to be generated: how many devices, which kinds of event, how large, in which languages.

use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use fastrand::Rng;

/// The largest fleet; a device takes about 200 bytes of memory.
pub const MAX_DEVICES: u32 = 1_000_000;

/// The largest `data` of a status event, in bytes.
pub const MAX_PAYLOAD: u32 = 16 << 20;

/// What a [`Generator`](super::Generator) writes.
///
/// Start from [`GeneratorConfig::default`] and set the fields that matter.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GeneratorConfig {
    /// The same seed and the same other fields give the same bytes.
    pub seed: u64,
    /// How many devices there are: 1 to [`MAX_DEVICES`]. Default 16.
    pub devices: u32,
    /// How often each kind of event comes.
    pub mix: Mix,
    /// The size of `data` in status events as JSON text, in bytes, drawn evenly; at most
    /// [`MAX_PAYLOAD`]. The default makes an event line 384 bytes long on average.
    ///
    /// `device_status_kv` meets the drawn size exactly, `device_status_raw` stays up to 7 bytes
    /// below it. A size too small for any data (about 40 bytes) gives the smallest there is.
    pub payload: RangeInclusive<u32>,
    /// The share of texts in Chinese, the others being ASCII: 0.0 to 1.0. Default 0.3. The name of
    /// a data point keeps its language, a value does not.
    pub chinese: f64,
    /// The share of texts that are written with `\uXXXX` and `\/`: 0.0 to 1.0. Default 0.05.
    pub escaped: f64,
    /// `created_at` of the first event, since 1970 in UTC; counted in whole microseconds. Default
    /// 1,500,000,000 s.
    pub start: Duration,
    /// How much later each event is created than the one before it, in whole microseconds. Default
    /// 250 ms.
    pub step: Duration,
}

impl Default for GeneratorConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            devices: 16,
            mix: Mix::default(),
            payload: 48..=272,
            chinese: 0.3,
            escaped: 0.05,
            start: Duration::from_secs(1_500_000_000),
            step: Duration::from_millis(250),
        }
    }
}

impl GeneratorConfig {
    pub(super) fn check(&self) -> Result<(), GeneratorConfigError> {
        let GeneratorConfig {
            devices,
            mix,
            payload,
            chinese,
            escaped,
            ..
        } = self;
        if !(1..=MAX_DEVICES).contains(devices) {
            return Err(GeneratorConfigError::Devices);
        }
        if Kind::ALL.iter().all(|&kind| mix.weight(kind) == 0) {
            return Err(GeneratorConfigError::EmptyMix);
        }
        if (mix.online == 0) != (mix.offline == 0) {
            return Err(GeneratorConfigError::OneWayMix);
        }
        if payload.is_empty() || *payload.end() > MAX_PAYLOAD {
            return Err(GeneratorConfigError::Payload);
        }
        if ![chinese, escaped]
            .into_iter()
            .all(|share| (0.0..=1.0).contains(share))
        {
            return Err(GeneratorConfigError::Share);
        }
        Ok(())
    }
}

/// How often each kind of event comes, relative to the others. A kind of weight 0 never comes.
///
/// The fleet's state goes before the weights. Where no device is online, the next event is a
/// `device_online` whatever was drawn; where all are, a `device_offline` comes in place of a
/// `device_online`; and a device that went offline with a fault raised comes online before the
/// fault is cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mix {
    /// Weight of `device_online`. Default 4. It is 0 only together with `offline`: then all devices
    /// are online from the start.
    pub online: u32,
    /// Weight of `device_offline`. Default 4.
    pub offline: u32,
    /// Weight of `attr_fault`. Default 6.
    pub fault: u32,
    /// Weight of `attr_alert`. Default 6.
    pub alert: u32,
    /// Weight of `device_status_raw`. Default 15.
    pub raw: u32,
    /// Weight of `device_status_kv`. Default 65.
    pub kv: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            online: 4,
            offline: 4,
            fault: 6,
            alert: 6,
            raw: 15,
            kv: 65,
        }
    }
}

impl Mix {
    pub(super) fn weight(&self, kind: Kind) -> u64 {
        u64::from(match kind {
            Kind::Online => self.online,
            Kind::Offline => self.offline,
            Kind::Fault => self.fault,
            Kind::Alert => self.alert,
            Kind::Raw => self.raw,
            Kind::Kv => self.kv,
        })
    }

    pub(super) fn draw(&self, rng: &mut Rng) -> Kind {
        let total = Kind::ALL.iter().map(|&kind| self.weight(kind)).sum();
        let mut left = rng.u64(0..total);
        for kind in Kind::ALL {
            match left.checked_sub(self.weight(kind)) {
                Some(rest) => left = rest,
                None => return kind,
            }
        }
        Kind::Kv
    }
}

/// The six kinds of event (3.1 to 3.4 of the document).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Online,
    Kv,
    Raw,
    Fault,
    Alert,
    Offline,
}

impl Kind {
    /// In the order of the opening: the life of one device.
    pub(super) const ALL: [Self; 6] = [
        Self::Online,
        Self::Kv,
        Self::Raw,
        Self::Fault,
        Self::Alert,
        Self::Offline,
    ];

    pub(super) fn event_type(self) -> &'static str {
        match self {
            Self::Online => "device_online",
            Self::Kv => "device_status_kv",
            Self::Raw => "device_status_raw",
            Self::Fault => "attr_fault",
            Self::Alert => "attr_alert",
            Self::Offline => "device_offline",
        }
    }
}

/// Why a [`GeneratorConfig`] makes no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GeneratorConfigError {
    /// `devices` is 0 or above [`MAX_DEVICES`].
    Devices,
    /// Every weight of `mix` is 0.
    EmptyMix,
    /// Of the weights `online` and `offline` exactly one is 0: the fleet would be stuck.
    OneWayMix,
    /// `payload` is empty or reaches beyond [`MAX_PAYLOAD`].
    Payload,
    /// `chinese` or `escaped` is not within 0.0 to 1.0.
    Share,
}

impl fmt::Display for GeneratorConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Devices => write!(f, "the number of devices must be 1 to {MAX_DEVICES}"),
            Self::EmptyMix => f.write_str("every kind of event has weight 0; give one a weight"),
            Self::OneWayMix => {
                f.write_str("online and offline events need a weight each, or weight 0 both")
            }
            Self::Payload => write!(
                f,
                "the payload must be a range of sizes of at most {MAX_PAYLOAD} bytes"
            ),
            Self::Share => {
                f.write_str("the shares of Chinese and of escaped text must be 0.0 to 1.0")
            }
        }
    }
}

impl Error for GeneratorConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_out_of_range_is_refused() {
        type Change = fn(&mut GeneratorConfig);
        let cases: [(Change, GeneratorConfigError); 9] = [
            (|config| config.devices = 0, GeneratorConfigError::Devices),
            (
                |config| config.devices = MAX_DEVICES + 1,
                GeneratorConfigError::Devices,
            ),
            (
                |config| config.mix.online = 0,
                GeneratorConfigError::OneWayMix,
            ),
            (
                |config| config.mix.offline = 0,
                GeneratorConfigError::OneWayMix,
            ),
            (
                |config| {
                    config.mix = Mix {
                        online: 0,
                        offline: 0,
                        fault: 0,
                        alert: 0,
                        raw: 0,
                        kv: 0,
                    }
                },
                GeneratorConfigError::EmptyMix,
            ),
            (
                |config| config.payload = RangeInclusive::new(2, 1),
                GeneratorConfigError::Payload,
            ),
            (
                |config| config.payload = 0..=MAX_PAYLOAD + 1,
                GeneratorConfigError::Payload,
            ),
            (
                |config| config.chinese = f64::NAN,
                GeneratorConfigError::Share,
            ),
            (|config| config.escaped = 1.1, GeneratorConfigError::Share),
        ];
        for (change, error) in cases {
            let mut config = GeneratorConfig::default();
            change(&mut config);
            assert_eq!(config.check(), Err(error), "{error}");
        }
    }
}
