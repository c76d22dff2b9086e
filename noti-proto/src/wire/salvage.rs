//! Finds the delivery id of a line that cannot be read as a message: one longer than the buffer, or one that is no
//! sound JSON (clauses F5 and A5).
//!
//! It goes by the text's tokens alone (strings, brackets, colons and commas), so it can stop and go on at any byte, and a fault
//! somewhere in the line does not keep it from the rest. On a sound line it finds what the scanner finds.

use super::names::{self, MAX_ID};
use crate::json::scan;

/// Which of the three words a string can still be.
const IS_CMD: u8 = 1;
const IS_DELIVERY_ID: u8 = 2;
const IS_PUSH: u8 = 4;

const WORDS: &[(u8, &[u8])] = &[
    (IS_CMD, names::CMD.as_bytes()),
    (IS_DELIVERY_ID, names::DELIVERY_ID.as_bytes()),
    (IS_PUSH, names::EVENT_PUSH.as_bytes()),
];

/// A scan that is under way. The id's bytes collect in a place that the caller lends to each call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovery {
    /// Which of the open brackets are braces: the bit of each one's depth. Deeper ones than it has bits are only counted.
    braces: u32,
    /// How many brackets are open.
    depth: u16,
    place: Place,
    string: Option<Escape>,
    word: Word,
    /// What the member is whose value is being read.
    member: Member,
    command: Command,
    id: Id,
    /// A bracket was opened in the message, or one may be missing.
    nested: bool,
    /// That was so before the id.
    nested_before_id: bool,
    /// Bytes of the id collected so far.
    length: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the opening brace.
    Start,
    /// In the message, where a key may begin.
    BetweenMembers,
    /// After a string that is a key if a colon follows.
    AfterString,
    /// After bytes that have no business where a key should be.
    AfterGarbage,
    /// After a key's colon.
    BeforeValue,
    /// In a number or a literal.
    Bare,
    /// After a value, up to the comma or brace.
    AfterValue,
    /// After the closing brace, or in something that is no object.
    End,
    /// After something that follows the end.
    Trailing,
}

/// Where in a string's escapes the scan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    Backslash,
    Hex { digits: u8, unit: u16 },
}

/// The string at hand, compared with the three words that matter while it goes by.
#[derive(Clone, Copy, Debug)]
struct Word {
    candidates: u8,
    length: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Command,
    DeliveryId,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Unknown,
    /// Its key has been read, and no value for it.
    Open,
    Push,
    /// Another command, or more than one.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Unknown,
    /// Collecting, or collected and not yet followed by a comma or a brace.
    Open,
    Found,
    /// There can be no id: two of them, too long, no scalar, or cut off.
    Unusable,
}

impl Recovery {
    pub(crate) const fn new() -> Self {
        Self {
            braces: 0,
            depth: 0,
            place: Place::Start,
            string: None,
            word: Word::NEW,
            member: Member::Other,
            command: Command::Unknown,
            id: Id::Unknown,
            nested: false,
            nested_before_id: false,
            length: 0,
        }
    }

    /// Reads on. `id` must be the same place for the whole line.
    pub(crate) fn push(&mut self, bytes: &[u8], id: &mut [u8; MAX_ID]) {
        for byte in bytes {
            self.step(*byte, id);
        }
    }

    /// The length of the id, if the line is an event that can be acked: its top-level `cmd` is the push, its id is there
    /// once, is a scalar, and a comma or the closing brace follows it.
    pub(crate) fn id_length(&self, id: &[u8; MAX_ID]) -> Option<u8> {
        let found = self.command == Command::Push && self.id == Id::Found;
        let raw = id.get(..usize::from(self.length))?;
        let scalar = scan::value(raw, 0).is_ok_and(<[u8]>::is_empty);
        (found && scalar).then_some(self.length)
    }

    /// Whether the line is an event, with an id or without.
    pub(crate) fn is_push(&self) -> bool {
        self.command == Command::Push
    }

    fn step(&mut self, byte: u8, id: &mut [u8; MAX_ID]) {
        if let Some(escape) = self.string {
            self.collect(byte, id);
            self.string = self.in_string(byte, escape);
            if self.string.is_none() && self.depth == 1 {
                self.string_ended();
            }
            return;
        }
        match byte {
            b' ' | b'\t' | b'\r' => {
                if self.place == Place::Bare {
                    self.place = Place::AfterValue;
                }
            }
            b'"' => {
                self.string = Some(Escape::None);
                self.word = Word::NEW;
                match self.depth {
                    0 => self.place = Place::Trailing,
                    1 if self.place != Place::BeforeValue => {
                        self.spoil_id();
                        // Without a comma before it, a brace may be missing there.
                        self.nested |= self.place != Place::BetweenMembers;
                        self.place = Place::BetweenMembers;
                    }
                    _ => {}
                }
                self.collect(byte, id);
            }
            // The message goes on after its end: a bracket too many came before, and the id may have been nested.
            b'}' | b']' | b',' | b':' if self.place == Place::End => {
                if self.nested_before_id {
                    self.id = Id::Unusable;
                }
                self.place = Place::Trailing;
            }
            _ if self.place == Place::End => self.place = Place::Trailing,
            b'{' | b'[' => self.opened(byte),
            b'}' | b']' => self.closed(byte),
            b':' if self.depth == 1 => self.colon(),
            b',' if self.depth == 1 => {
                self.id_ended();
                // The brace of its value may be missing.
                self.nested |= self.place == Place::BeforeValue;
                self.place = Place::BetweenMembers;
            }
            _ => self.bare(byte, id),
        }
    }

    /// Where the string stands after `byte`; `None` once it has ended.
    fn in_string(&mut self, byte: u8, escape: Escape) -> Option<Escape> {
        Some(match (escape, byte) {
            (Escape::None, b'"') => return None,
            (Escape::None, b'\\') => Escape::Backslash,
            (Escape::Backslash, b'u') => Escape::Hex { digits: 0, unit: 0 },
            (Escape::None, _) => {
                self.word.push(u16::from(byte));
                Escape::None
            }
            // No other escape stands for a letter.
            (Escape::Backslash, _) => {
                self.word.push(0);
                Escape::None
            }
            (Escape::Hex { digits, unit }, _) => {
                let Some(digit) = char::from(byte).to_digit(16) else {
                    self.word.push(0);
                    return self.in_string(byte, Escape::None);
                };
                let unit = (unit << 4) | u16::try_from(digit).unwrap_or_default();
                if digits < 3 {
                    Escape::Hex {
                        digits: digits.saturating_add(1),
                        unit,
                    }
                } else {
                    self.word.push(unit);
                    Escape::None
                }
            }
        })
    }

    fn string_ended(&mut self) {
        if self.place != Place::BeforeValue {
            self.place = Place::AfterString;
            return;
        }
        if self.member == Member::Command && self.command == Command::Open {
            self.command = match self.word.is(IS_PUSH, names::EVENT_PUSH.as_bytes()) {
                true => Command::Push,
                false => Command::Other,
            };
        }
        self.place = Place::AfterValue;
    }

    fn opened(&mut self, byte: u8) {
        match self.depth {
            0 if self.place == Place::Start && byte == b'{' => self.place = Place::BetweenMembers,
            0 => {
                self.place = Place::Trailing;
                return;
            }
            1 => {
                self.spoil_id();
                self.place = Place::AfterValue;
            }
            _ => {}
        }
        self.nested |= self.depth > 0;
        let bit = brace_bit(self.depth);
        self.braces = match byte {
            b'{' => self.braces | bit,
            _ => self.braces & !bit,
        };
        match self.depth.checked_add(1) {
            Some(depth) => self.depth = depth,
            None => self.doubt(),
        }
    }

    fn closed(&mut self, byte: u8) {
        self.depth = self.depth.saturating_sub(1);
        let bit = brace_bit(self.depth);
        if bit != 0 && (self.braces & bit != 0) != (byte == b'}') {
            self.doubt();
        }
        if self.depth == 0 {
            self.id_ended();
            self.place = match self.place {
                Place::Trailing | Place::Start => Place::Trailing,
                _ => Place::End,
            };
        }
    }

    /// A bracket was closed by one of the other kind, or a brace is missing. What follows may stand at any depth, so nothing
    /// that it says is believed.
    fn doubt(&mut self) {
        if self.id != Id::Found {
            self.id = Id::Unusable;
        }
        if self.command == Command::Unknown {
            self.command = Command::Other;
        }
    }

    fn colon(&mut self) {
        self.member = Member::Other;
        match self.place {
            Place::AfterString => self.place = Place::BeforeValue,
            // The value was a key: the brace before it is missing.
            Place::Bare | Place::AfterValue => return self.doubt(),
            // One too many: what follows is nobody's value.
            _ => return,
        }
        if self.word.is(IS_CMD, names::CMD.as_bytes()) {
            self.member = Member::Command;
            self.command = match self.command {
                Command::Unknown => Command::Open,
                _ => Command::Other,
            };
        } else if self.word.is(IS_DELIVERY_ID, names::DELIVERY_ID.as_bytes()) {
            self.member = Member::DeliveryId;
            self.nested_before_id = self.nested;
            self.id = match self.id {
                Id::Unknown => Id::Open,
                _ => Id::Unusable,
            };
        }
    }

    /// A byte of a number or a literal, or one that has no business there.
    fn bare(&mut self, byte: u8, id: &mut [u8; MAX_ID]) {
        match (self.depth, self.place) {
            (0, _) => self.place = Place::Trailing,
            (1, Place::BeforeValue) => {
                self.place = Place::Bare;
                self.collect(byte, id);
            }
            (1, Place::Bare) => self.collect(byte, id),
            (1, place) => {
                self.spoil_id();
                // A string before it is no key.
                if place != Place::AfterValue {
                    self.place = Place::AfterGarbage;
                }
            }
            _ => {}
        }
    }

    /// Keeps a byte of the id's value.
    fn collect(&mut self, byte: u8, id: &mut [u8; MAX_ID]) {
        let in_value = matches!(self.place, Place::BeforeValue | Place::Bare);
        if self.id != Id::Open || self.depth != 1 || !in_value || self.member != Member::DeliveryId
        {
            return;
        }
        match id.get_mut(usize::from(self.length)) {
            Some(place) => {
                *place = byte;
                self.length = self.length.saturating_add(1);
            }
            None => self.id = Id::Unusable,
        }
    }

    /// A comma or the closing brace has come.
    fn id_ended(&mut self) {
        if self.id == Id::Open {
            self.id = match self.length {
                0 => Id::Unusable,
                _ => Id::Found,
            };
        }
    }

    /// Something else follows the id, or stands in its place.
    fn spoil_id(&mut self) {
        if self.id == Id::Open {
            self.id = Id::Unusable;
        }
    }
}

/// Where the kind of the bracket at this depth is kept; zero when it is kept nowhere.
fn brace_bit(depth: u16) -> u32 {
    1_u32.checked_shl(depth.into()).unwrap_or_default()
}

impl Word {
    const NEW: Self = Self {
        candidates: IS_CMD | IS_DELIVERY_ID | IS_PUSH,
        length: 0,
    };

    fn push(&mut self, unit: u16) {
        for (candidate, word) in WORDS {
            let expected = word.get(usize::from(self.length));
            if expected.is_none_or(|expected| u16::from(*expected) != unit) {
                self.candidates &= !candidate;
            }
        }
        self.length = self.length.saturating_add(1);
    }

    fn is(&self, candidate: u8, word: &[u8]) -> bool {
        self.candidates & candidate != 0 && usize::from(self.length) == word.len()
    }
}
