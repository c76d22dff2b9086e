//! Where the top-level members of a line stand (clauses J1 to J4).

use super::names;
use crate::json::string::is_name;
use crate::json::value::JsonValue;

/// Where a value stands in its line. Lines longer than this can say are refused.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    start: u32,
    /// Zero where there is no value, for no value is empty.
    end: u32,
}

impl Span {
    pub(crate) const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    pub(crate) const fn is_set(self) -> bool {
        self.end > 0
    }

    fn value(self, line: &[u8]) -> Option<JsonValue<'_>> {
        let start = usize::try_from(self.start).ok()?;
        let end = usize::try_from(self.end).ok()?;
        let raw = line.get(start..end)?;
        (!raw.is_empty()).then(|| JsonValue::from_validated(raw))
    }
}

/// The top-level members that are read often, by their place in [`Members`]. The others are looked for when they are
/// asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    Cmd,
    DeliveryId,
    EventType,
    EventId,
    ProductKey,
    Did,
    Mac,
    GroupId,
    CreatedAt,
    Data,
}

/// Their names, the frequent ones first.
const MEMBERS: [(&str, Member); 10] = [
    (names::CMD, Member::Cmd),
    (names::DELIVERY_ID, Member::DeliveryId),
    ("event_type", Member::EventType),
    ("event_id", Member::EventId),
    ("product_key", Member::ProductKey),
    ("did", Member::Did),
    ("mac", Member::Mac),
    ("group_id", Member::GroupId),
    ("created_at", Member::CreatedAt),
    ("data", Member::Data),
];

impl Member {
    /// The member of this name, if it is one of them. Escapes in a key do not hide it.
    pub(crate) fn named(key: &[u8]) -> Option<Self> {
        #[cfg(fast_kernel)]
        if let Some(member) = Self::plainly_named(key) {
            return Some(member);
        }
        let known = MEMBERS.iter().find(|(name, _)| is_name(key, name));
        known.map(|(_, member)| *member)
    }

    /// By comparisons of known length: quicker than the list, and 500 bytes of flash longer.
    #[cfg(fast_kernel)]
    const fn plainly_named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"cmd" => Self::Cmd,
            b"delivery_id" => Self::DeliveryId,
            b"event_type" => Self::EventType,
            b"event_id" => Self::EventId,
            b"product_key" => Self::ProductKey,
            b"did" => Self::Did,
            b"mac" => Self::Mac,
            b"group_id" => Self::GroupId,
            b"created_at" => Self::CreatedAt,
            b"data" => Self::Data,
            _ => return None,
        })
    }
}

/// Where the members stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Members([Span; MEMBERS.len()]);

impl Members {
    /// The member's value in its line.
    pub(crate) fn value<'l>(&self, member: Member, line: &'l [u8]) -> Option<JsonValue<'l>> {
        self.0.get(member as usize)?.value(line)
    }

    /// Where the member's value stands.
    pub(crate) fn span_mut(&mut self, member: Member) -> Option<&mut Span> {
        self.0.get_mut(member as usize)
    }

    /// Notes where the value stands.
    #[cfg(fast_kernel)]
    pub(crate) fn note(&mut self, member: Member, start: u32, end: u32) {
        if let Some(span) = self.0.get_mut(member as usize) {
            *span = Span { start, end };
        }
    }
}

#[cfg(all(test, fast_kernel))]
mod tests {
    use super::{MEMBERS, Member};

    #[test]
    fn the_comparisons_know_the_names_of_the_list() {
        for (name, member) in MEMBERS {
            assert_eq!(Member::plainly_named(name.as_bytes()), Some(member));
        }
        for name in ["", "cm", "cmdx", "Cmd", "event_tyPe", "mic", "datum"] {
            assert_eq!(Member::plainly_named(name.as_bytes()), None);
            assert_eq!(Member::named(name.as_bytes()), None);
        }
    }
}
