use std::collections::HashSet;

use clap::Args;
use clap::builder::PossibleValuesParser;
use noti_std::Event;
use noti_std::proto::{Delivery, FieldError, JsonStr};

/// Which events are wanted. The others are acked, counted, and not written.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Options {
    /// Write only events of this type; repeatable. What the filters leave out is acked, and gone.
    // An event type that is mistyped would ack everything away: only known ones are taken.
    #[arg(long, env = "NOTI_EVENT_TYPE", value_name = "TYPE", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(EVENT_TYPES))]
    event_type: Vec<String>,

    /// Write only events of products with this key; repeatable.
    #[arg(
        long,
        env = "NOTI_PRODUCT_KEY",
        value_name = "KEY",
        value_delimiter = ',',
        value_parser = id
    )]
    product_key: Vec<String>,

    /// Write only events of the device with this id; repeatable.
    #[arg(long, env = "NOTI_DID", value_name = "DID", value_delimiter = ',', value_parser = id)]
    did: Vec<String>,
}

const EVENT_TYPES: [&str; 6] = [
    "device_online",
    "device_offline",
    "device_status_kv",
    "device_status_raw",
    "attr_fault",
    "attr_alert",
];

/// An id that events can have. A variable that is empty, as containers set them, must not ack everything away.
fn id(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("it is empty; leave it out to get all events"),
        id => Ok(id.to_owned()),
    }
}

impl Options {
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            event_types: Wanted::new(&self.event_type),
            product_keys: Wanted::new(&self.product_key),
            dids: Wanted::new(&self.did),
        }
    }
}

/// Tells wanted events from others: of each field one of the values, if any were given.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    event_types: Wanted,
    product_keys: Wanted,
    dids: Wanted,
}

impl Filter {
    /// Whether the event is to be written. What is no device event always passes.
    pub(crate) fn passes(&self, event: &Event) -> bool {
        match event {
            Event::Delivery(delivery) => self.wants(&delivery.view()),
            _ => true,
        }
    }

    fn wants(&self, event: &Delivery<'_>) -> bool {
        self.dids.accepts(|| event.did())
            && self.product_keys.accepts(|| event.product_key())
            && self.event_types.accepts(|| {
                let name = event.member("event_type").ok_or(FieldError::Missing)?;
                name.as_str().ok_or(FieldError::WrongType)
            })
    }
}

/// The values of one field that are wanted; without any, all are.
#[derive(Debug, Default)]
struct Wanted(HashSet<String>);

impl Wanted {
    fn new(values: &[String]) -> Self {
        Self(values.iter().cloned().collect())
    }

    fn accepts<'v>(&self, field: impl FnOnce() -> Result<JsonStr<'v>, FieldError>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        field().is_ok_and(|text| match text.as_plain() {
            Some(text) => self.0.contains(text),
            None => self.0.contains(&text.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::events::event;

    fn wants(filter: &Filter, members: &str) -> bool {
        let mut wants = false;
        event(members, |event| wants = filter.wants(event));
        wants
    }

    fn filter(event_types: &[&str], product_keys: &[&str], dids: &[&str]) -> Filter {
        let wanted = |values: &[&str]| Wanted(values.iter().map(ToString::to_string).collect());
        Filter {
            event_types: wanted(event_types),
            product_keys: wanted(product_keys),
            dids: wanted(dids),
        }
    }

    #[test]
    fn one_value_of_each_field_is_enough_and_each_field_must_agree() {
        let event = r#""event_type":"attr_fault","product_key":"p","did":"d""#;
        for (filter, expected) in [
            (filter(&[], &[], &[]), true),
            (filter(&["attr_fault"], &[], &[]), true),
            (filter(&["attr_alert", "attr_fault"], &[], &[]), true),
            (filter(&["attr_alert"], &[], &[]), false),
            (filter(&["attr_fault"], &["p"], &["d"]), true),
            (filter(&["attr_fault"], &["q"], &["d"]), false),
            (filter(&[], &[], &["e", "f"]), false),
        ] {
            assert_eq!(wants(&filter, event), expected, "{filter:?}");
        }
    }

    #[test]
    fn escapes_make_no_difference_and_a_missing_field_is_not_wanted() {
        let filter = filter(&[], &[], &["优"]);
        assert!(wants(&filter, r#""did":"\u4f18""#));
        for members in [r#""mac":"m""#, r#""did":null"#, r#""did":5"#] {
            assert!(!wants(&filter, members), "{members}");
        }
    }
}
