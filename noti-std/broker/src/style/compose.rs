//! From a body to an event line.

use std::borrow::Cow;

use fastrand::Rng;

use super::oddity::{Oddity, Style};
use crate::body::{Body, Member, members};
use crate::text::{below, push_unicode};

/// What every push begins with in the plain form (3 of the document).
const HEAD: &str = "{\"cmd\":\"enterprise_event_push\",\"delivery_id\":";

/// Appends the line for `body`, without its terminator.
pub(super) fn compose(style: Style, seed: u64, body: &Body, number: u64, out: &mut Vec<u8>) {
    // Ids and terminators need no look at the members.
    let spliced = Style::PLAIN
        .with(Oddity::StringIds)
        .with(Oddity::HugeIds)
        .with(Oddity::Crlf);
    if !Oddity::ALL
        .into_iter()
        .any(|oddity| style.has(oddity) && !spliced.has(oddity))
    {
        return splice(&style.id_token(number), body, out);
    }
    let Ok(members) = members(body.as_str()) else {
        debug_assert!(false, "a body is an object");
        return splice(&style.id_token(number), body, out);
    };
    // An odd factor, so that no two numbers share a sequence.
    let rng = Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Writer {
        style,
        rng,
        out: String::with_capacity(2 * body.as_str().len()),
    }
    .line(number, members, out);
}

/// The plain form: no JSON is read.
fn splice(id: &str, body: &Body, out: &mut Vec<u8>) {
    let inner = body.inner();
    let comma = if inner.is_empty() { "" } else { "," };
    out.reserve(HEAD.len() + id.len() + inner.len() + 2);
    for part in [HEAD, id, comma, inner, "}"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// A member on its way to the line.
struct Entry<'a> {
    name: Cow<'a, str>,
    key: Cow<'a, str>,
    value: Cow<'a, str>,
}

impl<'a> Entry<'a> {
    fn new(name: &'a str, quoted: &'a str, value: impl Into<Cow<'a, str>>) -> Self {
        Self {
            name: name.into(),
            key: quoted.into(),
            value: value.into(),
        }
    }
}

struct Writer {
    style: Style,
    rng: Rng,
    out: String,
}

impl Writer {
    fn line(mut self, number: u64, members: Vec<Member<'_>>, out: &mut Vec<u8>) {
        let mut entries = Vec::with_capacity(members.len() + 3);
        entries.push(Entry::new("cmd", "\"cmd\"", "\"enterprise_event_push\""));
        entries.push(Entry::new(
            "delivery_id",
            "\"delivery_id\"",
            self.style.id_token(number),
        ));
        entries.extend(members.into_iter().map(|member| Entry {
            name: member.name,
            key: member.key.into(),
            value: member.value.into(),
        }));
        self.created_at(&mut entries);
        self.group(&mut entries);
        self.raw(&mut entries);
        if self.style.has(Oddity::Shuffle) {
            self.shuffle(&mut entries);
        }
        self.margin();
        self.out.push('{');
        for (at, entry) in entries.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.gap();
            self.json(&entry.key);
            self.gap();
            self.out.push(':');
            self.gap();
            if entry.name == "delivery_id" {
                // The bytes that an ack must bring back.
                self.out.push_str(&entry.value);
            } else {
                self.json(&entry.value);
            }
            self.gap();
        }
        self.out.push('}');
        self.margin();
        out.extend_from_slice(self.out.as_bytes());
    }

    fn created_at(&mut self, entries: &mut [Entry<'_>]) {
        if !self.style.has(Oddity::Exponent) {
            return;
        }
        for entry in entries
            .iter_mut()
            .filter(|entry| entry.name == "created_at")
        {
            if let Some(text) = exponent_form(&entry.value) {
                entry.value = text.into();
            }
        }
    }

    fn group(&mut self, entries: &mut Vec<Entry<'_>>) {
        let is_group = |entry: &Entry<'_>| entry.name == "group_id";
        if self.one_of(Oddity::NoGroup, Oddity::NullGroup) {
            entries.retain(|entry| !is_group(entry));
        } else if self.style.has(Oddity::NullGroup) {
            if !entries.iter().any(is_group) {
                entries.push(Entry::new("group_id", "\"group_id\"", ""));
            }
            entries
                .iter_mut()
                .filter(|entry| is_group(entry))
                .for_each(|entry| entry.value = "null".into());
        }
    }

    fn raw(&mut self, entries: &mut [Entry<'_>]) {
        let as_object = self.one_of(Oddity::RawObject, Oddity::RawString);
        if !as_object && !self.style.has(Oddity::RawString) {
            return;
        }
        let is_raw = |entry: &Entry<'_>| {
            entry.name == "event_type"
                && serde_json::from_str::<String>(&entry.value)
                    .is_ok_and(|kind| kind == "device_status_raw")
        };
        if !entries.iter().any(is_raw) {
            return;
        }
        for entry in entries.iter_mut().filter(|entry| entry.name == "data") {
            let other = match as_object {
                true if entry.value.starts_with('"') => {
                    Some(format!("{{\"raw\":{}}}", entry.value))
                }
                true => None,
                false => raw_string(&entry.value),
            };
            if let Some(other) = other {
                entry.value = other.into();
            }
        }
    }

    /// Whether `first` holds for this line; where the style has both, a coin decides.
    fn one_of(&mut self, first: Oddity, second: Oddity) -> bool {
        self.style.has(first) && !(self.style.has(second) && self.rng.bool())
    }

    /// Any order of the entries is as likely as any other (Fisher and Yates).
    fn shuffle(&mut self, entries: &mut [Entry<'_>]) {
        for end in (1..entries.len()).rev() {
            entries.swap(end, below(&mut self.rng, end + 1));
        }
    }

    /// Random white space between two tokens.
    fn gap(&mut self) {
        self.white_space(" \t\r ");
    }

    /// White space around the whole message, where a `\r` would be taken for a part of the
    /// terminator.
    fn margin(&mut self) {
        self.white_space(" \t");
    }

    fn white_space(&mut self, choices: &str) {
        if self.style.has(Oddity::Spaces) && self.rng.bool() {
            for _ in 0..self.rng.u8(1..4) {
                self.out.push(char::from(
                    choices.as_bytes()[below(&mut self.rng, choices.len())],
                ));
            }
        }
    }

    /// Writes JSON text with white space between its tokens and escapes in its strings, as the
    /// style has it.
    fn json(&mut self, text: &str) {
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match character {
                '"' => {
                    self.out.push('"');
                    self.string(&mut rest);
                }
                '{' | '[' => {
                    self.out.push(character);
                    self.gap();
                }
                '}' | ']' => {
                    self.gap();
                    self.out.push(character);
                }
                ',' | ':' => {
                    self.gap();
                    self.out.push(character);
                    self.gap();
                }
                _ => self.out.push(character),
            }
        }
    }

    /// Writes the rest of a string, its closing quote included. Escapes that are there already
    /// stay.
    fn string(&mut self, rest: &mut impl Iterator<Item = char>) {
        while let Some(character) = rest.next() {
            match character {
                '"' => {
                    self.out.push('"');
                    return;
                }
                '\\' => {
                    self.out.push('\\');
                    let Some(kind) = rest.next() else { return };
                    self.out.push(kind);
                    if kind == 'u' {
                        self.out.extend(rest.by_ref().take(4));
                    }
                }
                '/' if self.escapes() => self.out.push_str("\\/"),
                _ if self.escapes() => push_unicode(&mut self.out, character),
                _ => self.out.push(character),
            }
        }
    }

    /// Whether the next character is to be escaped.
    fn escapes(&mut self) -> bool {
        self.style.has(Oddity::Escapes) && self.rng.u32(0..6) == 0
    }
}

/// The string within `{"raw":"…"}`; `None` for any other text.
fn raw_string(data: &str) -> Option<String> {
    match members(data).ok()?.as_slice() {
        [Member { name, value, .. }] if name == "raw" && value.starts_with('"') => {
            Some((*value).to_owned())
        }
        _ => None,
    }
}

/// A JSON number as twenty decimals and an exponent: every digit of the nearest `f64`, which for
/// times of this era lies within 0.2 microseconds. `None` when the text is no number, or too large
/// for one.
fn exponent_form(text: &str) -> Option<String> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
    let form = format!("{value:.20e}");
    let (digits, exponent) = form.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    Some(format!("{digits}e{exponent:+03}"))
}

#[cfg(test)]
mod tests;
