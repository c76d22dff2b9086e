//! JSON as serde_json reads it, with the two differences that the protocol makes.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep arrays and objects may nest (clause J2).
const MAX_DEPTH: usize = 64;

/// The value that `text` is, or `None` where it is none: a text of RFC 8259, without a raw `\n` (clause F1) and at most
/// 64 deep (clause J2).
pub fn value(text: &[u8]) -> Option<&str> {
    if text.contains(&b'\n') {
        return None;
    }
    let raw: &RawValue = serde_json::from_slice(text).ok()?;
    (depth(raw.get()) <= MAX_DEPTH).then(|| raw.get())
}

/// How deep a sound text nests.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth -= 1,
            _ => {}
        }
    }
    deepest
}

/// The members of a text that is an object, in their order, each as it stands there.
pub fn members(text: &str) -> Option<Vec<(&str, &str)>> {
    if !text.starts_with('{') {
        return None;
    }
    let members: Members<'_> = serde_json::from_str(text).expect("the text is sound");
    Some(members.0)
}

/// The elements of a text that is an array.
pub fn elements(text: &str) -> Option<Vec<&str>> {
    if !text.starts_with('[') {
        return None;
    }
    let elements: Vec<&RawValue> = serde_json::from_str(text).expect("the text is sound");
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// The decoded text of a string; `None` when half of a surrogate pair stands in it, or when it is no string.
pub fn string(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

/// The last member of that name.
pub fn member<'a>(members: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    let mut named = members
        .iter()
        .filter(|(key, _)| string(key).is_some_and(|key| key == name));
    named.next_back().map(|(_, value)| *value)
}

/// How many members have that name.
pub fn count(members: &[(&str, &str)], name: &str) -> usize {
    let keys = members.iter().map(|(key, _)| string(key));
    keys.filter(|key| key.as_deref() == Some(name)).count()
}

struct Members<'a>(Vec<(&'a str, &'a str)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(&'de str, &'de str)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    members.push((key.get(), value.get()));
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Reader).map(Self)
    }
}
