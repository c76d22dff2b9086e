//! The scanner of broken and oversize lines against the full one, and both against `serde_json`.

use noti_proto::{Event, LineError};
use proptest::prelude::*;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::inputs::faulty_single_line;
use crate::poison::{acked, read_through};
use crate::story::Client;

/// The top-level members of a sound object, keys decoded as far as that goes.
struct Members(Vec<(String, String)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    let name = serde_json::from_str(key.get()).unwrap_or_default();
                    members.push((name, value.get().to_owned()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Whether the line is a sound event, and its id if it can be acked.
fn model(line: &[u8]) -> Option<Option<String>> {
    let Members(members) = serde_json::from_slice(line).ok()?;
    let named = |name: &str| {
        let named: Vec<_> = members
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value)
            .collect();
        <[&String; 1]>::try_from(named).ok().map(|[value]| value)
    };
    let cmd: String = serde_json::from_str(named("cmd")?).ok()?;
    if cmd != "enterprise_event_push" {
        return None;
    }
    let id = named("delivery_id").filter(|id| id.len() <= 40 && !id.starts_with(['[', '{']));
    Some(id.cloned())
}

fn is_too_deep(event: &Option<Event<'_>>) -> bool {
    let Some(Event::Malformed {
        error: LineError::Json(error),
        ..
    }) = event
    else {
        return false;
    };
    error.kind() == noti_proto::json::JsonErrorKind::TooDeep
}

fn id_of(client: &mut Client, event: Option<Event<'_>>) -> Option<String> {
    let token = match event {
        Some(Event::Delivery(delivery)) => Some(delivery.token()),
        Some(Event::Malformed { token, .. }) => token,
        _ => None,
    };
    acked(&mut client.session, token)
}

fn is_answer(event: &Option<Event<'_>>) -> bool {
    matches!(
        event,
        Some(Event::LoginRefused { .. } | Event::InvalidMsg { .. })
    )
}

proptest! {
    /// A5, F5, A3, J4: on a sound line the full scanner, the model and the recovering scanner agree at every split; on any
    /// other line the recovering scanner agrees with itself, whole or in parts.
    #[test]
    fn an_id_is_found_alike_in_every_way(line in faulty_single_line(), size in 2..200_usize) {
        let length = line.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
        let line = &line[..length];
        let mut client = Client::logged_in();
        let event = client.reads(line);
        if is_answer(&event) {
            return Ok(());
        }
        let too_deep = is_too_deep(&event);
        let delivered = matches!(event, Some(Event::Delivery(_)));
        let id = id_of(&mut client, event);
        match model(line) {
            Some(expected) => {
                prop_assert!(too_deep || delivered == expected.is_some());
                prop_assert_eq!(&id, &expected);
            }
            None => prop_assert!(!delivered),
        }
        let mut client = Client::logged_in();
        let (joined, in_parts) = read_through(&mut client.session, size, line, b"\n");
        prop_assert_eq!(joined, line);
        prop_assert_eq!(in_parts, id);
    }

    /// A5: cut off anywhere, a sound event gives its own id or none.
    #[test]
    fn a_cut_line_gives_its_own_id_or_none(line in faulty_single_line(), cut in any::<prop::sample::Index>()) {
        if let Some(Some(id)) = model(&line) {
            let mut client = Client::logged_in();
            let event = client.reads(&line[..cut.index(line.len())]);
            if is_answer(&event) {
                return Ok(());
            }
            let found = id_of(&mut client, event);
            prop_assert!(found.is_none_or(|found| found == id));
        }
    }

    /// A5, A3: whatever the line, an id that is acked is a scalar of at most 40 bytes that stands in the line.
    #[test]
    fn an_id_is_a_scalar_of_the_line(line in faulty_single_line()) {
        let mut client = Client::logged_in();
        let event = client.reads(&line);
        if is_answer(&event) {
            return Ok(());
        }
        if let Some(id) = id_of(&mut client, event) {
            prop_assert!(id.len() <= 40 && line.windows(id.len()).any(|window| window == id.as_bytes()));
            prop_assert!(serde_json::from_str::<&RawValue>(&id).is_ok());
            prop_assert!(!id.starts_with(['[', '{']), "a scalar");
        }
    }
}
