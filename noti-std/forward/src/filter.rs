use std::collections::HashSet;

use noti_std::Event;
use noti_std::proto::json::JsonStr;
use noti_std::proto::{Delivery, FieldError};

/// Tells wanted events from others: an event passes if each field has one of the values that were given for it.
#[derive(Debug, Default)]
pub struct Filter {
    event_types: Wanted,
    product_keys: Wanted,
    dids: Wanted,
}

impl Filter {
    /// Takes the wanted values of each field: event types such as `device_online`, product keys, and device ids. An empty
    /// slice admits every value.
    #[must_use]
    pub fn new(event_types: &[String], product_keys: &[String], dids: &[String]) -> Self {
        Self {
            event_types: Wanted::new(event_types),
            product_keys: Wanted::new(product_keys),
            dids: Wanted::new(dids),
        }
    }

    /// Whether the event is to be written. An event that is not a [`Event::Delivery`] always passes.
    #[must_use]
    pub fn passes(&self, event: &Event) -> bool {
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
    use crate::events::event;

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
