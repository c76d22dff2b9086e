use std::collections::HashMap;

/// What a value costs beside its bytes, about.
const OVERHEAD: usize = 96;

/// A longer id is no device's that is worth remembering.
const LONGEST_ID: usize = 256;

/// The last values of each device that was heard of lately, so that a change can be told. Memory is bounded: so many
/// devices, and so many bytes for each; whoever was silent for longest is forgotten first.
#[derive(Debug)]
pub(crate) struct Seen {
    devices: HashMap<String, Device>,
    most_devices: usize,
    most_bytes: usize,
    clock: u64,
    /// Stands in for what is not remembered.
    stranger: Device,
}

#[derive(Debug, Default)]
pub(crate) struct Device {
    /// The text of each value as it stands in the event.
    values: HashMap<String, String>,
    bytes: usize,
    most_bytes: usize,
    heard: u64,
}

/// What a value is compared with the last one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The value was not known.
    New,
    /// It was this one.
    From(String),
    Same,
}

impl Seen {
    pub(crate) fn new(most_devices: usize, most_bytes: usize) -> Self {
        Self {
            devices: HashMap::new(),
            most_devices,
            most_bytes,
            clock: 0,
            stranger: Device::default(),
        }
    }

    /// The values of this device.
    pub(crate) fn device(&mut self, did: &str) -> &mut Device {
        if did.len() > LONGEST_ID {
            self.stranger = Device::default();
            return &mut self.stranger;
        }
        self.clock += 1;
        if !self.devices.contains_key(did) && self.devices.len() >= self.most_devices {
            self.forget_one();
        }
        let device = self.devices.entry(did.to_owned()).or_default();
        device.most_bytes = self.most_bytes;
        device.heard = self.clock;
        device
    }

    fn forget_one(&mut self) {
        let silent = self.devices.iter().min_by_key(|(_, device)| device.heard);
        if let Some(did) = silent.map(|(did, _)| did.clone()) {
            self.devices.remove(&did);
        }
    }
}

impl Device {
    /// Compares a value with the last of that name, and remembers it. Beyond its share of memory, a device's further
    /// values are new each time.
    pub(crate) fn update(&mut self, name: &str, value: &str) -> Change {
        if let Some(last) = self.values.get_mut(name) {
            if last == value {
                return Change::Same;
            }
            let bytes = self.bytes - last.len() + value.len();
            if bytes <= self.most_bytes {
                self.bytes = bytes;
                return Change::From(std::mem::replace(last, value.to_owned()));
            }
            let last = self.values.remove(name).unwrap_or_default();
            self.bytes -= name.len() + last.len() + OVERHEAD;
            return Change::From(last);
        }
        let bytes = self.bytes + name.len() + value.len() + OVERHEAD;
        if bytes <= self.most_bytes {
            self.values.insert(name.to_owned(), value.to_owned());
            self.bytes = bytes;
        }
        Change::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_new_then_the_same_then_changed() {
        let mut seen = Seen::new(2, 1000);
        let device = seen.device("a");
        assert_eq!(device.update("PM25", "12"), Change::New);
        assert_eq!(device.update("PM25", "12"), Change::Same);
        assert_eq!(device.update("PM25", "35"), Change::From("12".into()));
        assert_eq!(seen.device("a").update("PM25", "35"), Change::Same);
        assert_eq!(seen.device("b").update("PM25", "35"), Change::New);
    }

    #[test]
    fn the_device_that_was_silent_for_longest_is_forgotten() {
        let mut seen = Seen::new(2, 1000);
        for did in ["a", "b", "a", "c"] {
            seen.device(did).update("k", "v");
        }
        assert_eq!(seen.devices.len(), 2);
        assert_eq!(seen.device("a").update("k", "v"), Change::Same);
        assert_eq!(seen.device("b").update("k", "v"), Change::New);
    }

    #[test]
    fn a_device_with_an_endless_id_is_not_remembered() {
        let mut seen = Seen::new(2, 1000);
        let did = "x".repeat(LONGEST_ID + 1);
        for _ in 0..2 {
            assert_eq!(seen.device(&did).update("k", "v"), Change::New);
        }
        assert!(seen.devices.is_empty());
    }

    #[test]
    fn a_device_keeps_to_its_share_of_memory() {
        let mut seen = Seen::new(2, 300);
        let device = seen.device("a");
        assert_eq!(device.update("one", "1"), Change::New);
        assert_eq!(device.update("long", &"x".repeat(300)), Change::New);
        assert_eq!(
            device.update("long", "short"),
            Change::New,
            "not remembered"
        );
        assert_eq!(
            device.update("one", &"y".repeat(300)),
            Change::From("1".into())
        );
        assert_eq!(device.update("one", "1"), Change::New, "forgotten");
        for number in 0..1000 {
            device.update(&number.to_string(), "v");
        }
        assert!(device.bytes <= 300);
        let held = device.values.iter();
        let held: usize = held
            .map(|(name, value)| name.len() + value.len() + OVERHEAD)
            .sum();
        assert_eq!(held, device.bytes);
    }
}
