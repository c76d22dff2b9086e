//! Generated inputs: JSON of every form, real lines, and both with faults in them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::poison;
use crate::story::{push, samples};

/// White space as it may stand between tokens.
fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(""), 1 => select(vec![" ", "\t", "\r", "  ", " \r\t "])]
}

/// A character in one of the forms that JSON has for it.
fn character() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z_ ]",
        2 => select(vec![r#"\""#, r"\\", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t"]).prop_map(str::to_owned),
        2 => any::<u16>().prop_map(|unit| format!("\\u{unit:04x}")),
        1 => any::<u16>().prop_map(|unit| format!("\\u{unit:04X}")),
        1 => select(vec!["优", "é", "\u{7f}", "\u{80}", "😀", "\u{10ffff}", "{", "}", "[", "]", ",", ":"]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(|character| match character {
            '"' | '\\' | '\0'..='\x1f' => r"\/".to_owned(),
            itself => itself.into(),
        }),
    ]
}

/// A text, written in any way.
pub(crate) fn string() -> impl Strategy<Value = String> {
    vec(character(), 0..12).prop_map(|characters| format!("\"{}\"", characters.concat()))
}

fn number() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,20})([.][0-9]{1,20})?([eE][-+]?[0-9]{1,3})?"
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec!["null", "true", "false", "0", "1"]).prop_map(str::to_owned),
        number(),
        string(),
    ]
}

fn list(open: &str, close: &str, items: &[(String, &str, &str)]) -> String {
    let items: Vec<_> = items
        .iter()
        .map(|(item, before, after)| format!("{before}{item}{after}"))
        .collect();
    format!("{open}{}{close}", items.join(","))
}

fn member(
    value: impl Strategy<Value = String>,
    key: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    (key, space(), space(), value)
        .prop_map(|(key, before, after, value)| format!("{key}{before}:{after}{value}"))
}

/// A value, nested or not.
pub(crate) fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(5, 40, 5, |inner| {
        let elements = vec((inner.clone(), space(), space()), 0..5);
        let members = vec((member(inner, string()), space(), space()), 0..5);
        prop_oneof![
            elements.prop_map(|items| list("[", "]", &items)),
            members.prop_map(|items| list("{", "}", &items)),
        ]
    })
}

/// Keys that matter, in other forms too, and some that look like them.
fn key() -> impl Strategy<Value = String> {
    let keys = [
        "cmd",
        "cmd",
        r"c\u006dd",
        "delivery_id",
        "delivery_id",
        r"delivery\u005fid",
        r"\u0064elivery_id",
        "delivery_idx",
        "cm",
        "data",
        "did",
        "event_type",
        "msg",
        r"\u0063md",
        "",
    ];
    prop_oneof![
        8 => select(keys.to_vec()).prop_map(|key| format!("\"{key}\"")),
        1 => string(),
    ]
}

fn message_value() -> impl Strategy<Value = String> {
    let commands = [
        "enterprise_event_push",
        "enterprise_event_push",
        "enterprise_event_push",
        r"enterprise_event\u005fpush",
        "enterprise_pong",
        "enterprise_event_pus",
        "x",
    ];
    prop_oneof![
        4 => select(commands.to_vec()).prop_map(|command| format!("\"{command}\"")),
        2 => (0..100_u32).prop_map(|id| id.to_string()),
        1 => "[1-9]{38,42}",
        1 => "\"[a-z]{36,40}\"",
        2 => value(),
        1 => Just(r#"{"cmd":"enterprise_event_push","delivery_id":9}"#.to_owned()),
    ]
}

/// A sound event, with members of any kind around its command and its id.
fn event() -> impl Strategy<Value = String> {
    let others = || vec((member(value(), string()), space(), space()), 0..3);
    (others(), others(), others(), 0..1000_u32, any::<bool>()).prop_map(|(a, b, c, id, first)| {
        let cmd = (r#""cmd":"enterprise_event_push""#.to_owned(), "", " ");
        let id = (format!(r#""delivery_id":{id}"#), " ", "");
        let (one, other) = if first { (cmd, id) } else { (id, cmd) };
        list("{", "}", &[a, vec![one], b, vec![other], c].concat())
    })
}

/// An object that may be a message, with keys that may be repeated.
fn message() -> impl Strategy<Value = String> {
    vec((member(message_value(), key()), space(), space()), 0..6)
        .prop_map(|items| list("{", "}", &items))
}

/// A line without faults, or one of the known faulty ones.
pub(crate) fn line() -> impl Strategy<Value = Vec<u8>> {
    let samples: Vec<_> = samples()
        .map(str::to_owned)
        .chain([push("1"), push("\"a\"")])
        .collect();
    let poison: Vec<_> = poison::LINES
        .iter()
        .map(|(line, _)| line.to_vec())
        .collect();
    prop_oneof![
        select(samples).prop_map(String::into_bytes),
        select(poison),
        event().prop_map(String::into_bytes),
        message().prop_map(String::into_bytes),
        value().prop_map(String::into_bytes),
    ]
}

#[derive(Clone, Debug)]
enum Fault {
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Replace(Index, u8),
    Truncate(Index),
    Repeat(Index, usize),
}

fn fault() -> impl Strategy<Value = Fault> {
    let byte = || {
        prop_oneof![
            4 => select(br#""\{}[]:,01-+.eEutnx_ "#.to_vec()),
            1 => select(b"\t\r\0\x1f\x7f\x80\xbf\xc2\xe4\xed\xf4\xff".to_vec()),
            1 => any::<u8>(),
        ]
    };
    let tokens = [
        "\"cmd\":",
        "\"delivery_id\":",
        "\"enterprise_event_push\"",
        ",\"delivery_id\":7",
        "{}",
        "[]",
        "null",
        "\\u",
        "\\ud800",
        "\\\"",
        "\u{feff}",
        "\u{ff1a}",
        "1e",
        "},{",
        "]}",
    ];
    prop_oneof![
        3 => (any::<Index>(), 1..4_usize).prop_map(|(at, count)| Fault::Remove(at, count)),
        2 => (any::<Index>(), byte()).prop_map(|(at, byte)| Fault::Insert(at, vec![byte])),
        2 => (any::<Index>(), select(tokens.to_vec())).prop_map(|(at, token)| Fault::Insert(at, token.into())),
        3 => (any::<Index>(), byte()).prop_map(|(at, byte)| Fault::Replace(at, byte)),
        1 => any::<Index>().prop_map(Fault::Truncate),
        1 => (any::<Index>(), 1..30_usize).prop_map(|(at, count)| Fault::Repeat(at, count)),
    ]
}

impl Fault {
    fn strike(self, line: &mut Vec<u8>) {
        let end = |at: usize, count: usize| (at + count).min(line.len());
        match self {
            Self::Insert(at, bytes) => {
                let at = at.index(line.len() + 1);
                line.splice(at..at, bytes);
            }
            _ if line.is_empty() => {}
            Self::Remove(at, count) => {
                let at = at.index(line.len());
                line.drain(at..end(at, count));
            }
            Self::Replace(at, byte) => {
                let at = at.index(line.len());
                line[at] = byte;
            }
            Self::Truncate(at) => line.truncate(at.index(line.len())),
            Self::Repeat(at, count) => {
                let at = at.index(line.len());
                let again = line[at..end(at, count)].to_vec();
                line.splice(at..at, again);
            }
        }
    }
}

/// A line with a few faults in it, or none.
pub(crate) fn faulty_line() -> impl Strategy<Value = Vec<u8>> {
    (line(), vec(fault(), 0..4)).prop_map(|(mut line, faults)| {
        for fault in faults {
            fault.strike(&mut line);
        }
        line
    })
}

/// The same without a raw `\n`, which would end it.
pub(crate) fn faulty_single_line() -> impl Strategy<Value = Vec<u8>> {
    faulty_line().prop_map(|line| line.into_iter().filter(|byte| *byte != b'\n').collect())
}
