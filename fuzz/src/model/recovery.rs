//! The delivery id of a line that is no sound message (clause A5), over the list of its tokens.

use noti_proto::MAX_ID;

use super::json;

/// How deep a bracket's kind is remembered; of deeper ones only the number is.
const TRACKED: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// With its quotes.
    String(&'a [u8]),
    /// A number, a literal or garbage: a run of bytes that are nothing else.
    Bare(&'a [u8]),
    Open(u8),
    Close(u8),
    Colon,
    Comma,
}

/// What can be said of a line that is no sound message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found<'a> {
    /// Its top-level `cmd` is the push.
    pub push: bool,
    /// The id of an event that can be acked: a push, whose top-level `delivery_id` stands there once, is a scalar of at most
    /// 40 bytes, and a comma or the message's end follows it.
    pub id: Option<&'a [u8]>,
}

/// What the message's own level shows of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Top<'a> {
    Scalar(&'a [u8]),
    Nested,
    Colon,
    Comma,
    /// A bracket was closed by one of the other kind, or a brace is missing: what follows may stand at any level.
    Doubt,
    /// The message's closing brace.
    End,
    /// What follows that brace belongs to a message that has not ended: a bracket too many was closed.
    Surplus,
}

/// Reads a line as clause A5 says.
pub fn find(line: &[u8]) -> Found<'_> {
    let top = top_level(line).unwrap_or_default();
    let mut commands = Vec::new();
    let mut ids = Vec::new();
    // The string that is a key if a colon follows.
    let mut key = None;
    // The key whose value comes next.
    let mut awaited = None;
    let mut after_value = false;
    let (mut nested, mut nested_before_id, mut surplus) = (false, false, false);
    for (at, item) in top.iter().enumerate() {
        let item = match item {
            // The value was a key: the brace before it is missing.
            Top::Colon if after_value => Top::Doubt,
            item => *item,
        };
        // Without a comma before it, a brace may be missing there.
        let before = at.checked_sub(1).and_then(|before| top.get(before));
        nested |= match item {
            Top::Scalar(text) if is_string(text) => {
                !matches!(before, None | Some(Top::Comma | Top::Colon))
            }
            // Nor is there a value before it.
            Top::Comma => before == Some(&Top::Colon),
            _ => false,
        };
        after_value = match item {
            Top::Scalar(text) => awaited.is_some() || after_value && !is_string(text),
            Top::Nested | Top::Doubt => true,
            Top::Colon | Top::Comma | Top::End | Top::Surplus => false,
        };
        match (item, awaited.take()) {
            (Top::Scalar(text), Some(name)) if name == "delivery_id" => {
                let ends = matches!(top.get(at + 1), Some(Top::Comma | Top::End));
                if let Some(id) = ids.last_mut() {
                    *id = Some(text).filter(|text| ends && is_id(text));
                }
            }
            (Top::Scalar(text), Some(name)) if name == "cmd" => {
                if let Some(command) = commands.last_mut() {
                    *command = decoded(text).is_some_and(|text| text == "enterprise_event_push");
                }
            }
            (Top::Scalar(_), Some(_)) => {}
            (Top::Scalar(text), None) => key = decoded_if_string(text),
            (Top::Colon, None) => {
                awaited = key.take();
                match awaited.as_deref() {
                    Some("cmd") => commands.push(false),
                    Some("delivery_id") => {
                        nested_before_id = nested;
                        ids.push(None);
                    }
                    _ => {}
                }
            }
            // A second colon in place of the value.
            (Top::Colon, Some(_)) => awaited = Some(String::new()),
            (Top::Nested, _) => {
                nested = true;
                key = None;
            }
            (Top::Comma | Top::End, _) => key = None,
            // The id may have been nested.
            (Top::Surplus, _) => surplus = true,
            (Top::Doubt, _) => {
                key = None;
                if commands.is_empty() {
                    commands.push(false);
                }
                if !ids.last().is_some_and(Option::is_some) {
                    ids.push(None);
                }
            }
        }
    }
    let push = commands == [true];
    let id = match ids[..] {
        [id] if push && !(surplus && nested_before_id) => id,
        _ => None,
    };
    Found { push, id }
}

fn is_id(text: &[u8]) -> bool {
    text.len() <= MAX_ID && json::value(text).is_some_and(|value| value.len() == text.len())
}

fn decoded(text: &[u8]) -> Option<String> {
    serde_json::from_slice(text).ok()
}

/// A string's text, empty where it cannot be decoded: no key that matters is.
fn decoded_if_string(text: &[u8]) -> Option<String> {
    is_string(text).then(|| decoded(text).unwrap_or_default())
}

fn is_string(text: &[u8]) -> bool {
    text.first() == Some(&b'"')
}

fn top_level(line: &[u8]) -> Option<Vec<Top<'_>>> {
    let mut tokens = tokens(line).into_iter();
    if tokens.next() != Some(Token::Open(b'{')) {
        return None;
    }
    let mut open = vec![b'{'];
    let mut top = Vec::new();
    let mut ended = false;
    for token in tokens.by_ref() {
        match token {
            Token::Open(bracket) => {
                if open.len() == 1 {
                    top.push(Top::Nested);
                }
                open.push(bracket);
            }
            Token::Close(bracket) => {
                let opened = open.pop()?;
                let matches = matches!((opened, bracket), (b'{', b'}') | (b'[', b']'));
                if !matches && open.len() < TRACKED {
                    top.push(Top::Doubt);
                }
                if open.is_empty() {
                    top.push(Top::End);
                    ended = true;
                    break;
                }
            }
            _ if open.len() > 1 => {}
            Token::String(text) | Token::Bare(text) => top.push(Top::Scalar(text)),
            Token::Colon => top.push(Top::Colon),
            Token::Comma => top.push(Top::Comma),
        }
    }
    let goes_on = matches!(
        tokens.next(),
        Some(Token::Close(_) | Token::Comma | Token::Colon)
    );
    if ended && goes_on {
        top.push(Top::Surplus);
    }
    Some(top)
}

fn tokens(line: &[u8]) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = line;
    while let [first, tail @ ..] = rest {
        let length = match first {
            b' ' | b'\t' | b'\r' => {
                rest = tail;
                continue;
            }
            b'"' => match string_length(rest) {
                Some(length) => length,
                // It breaks off, and with it the line.
                None => break,
            },
            b'{' | b'[' | b'}' | b']' | b':' | b',' => 1,
            _ => rest.iter().take_while(|byte| is_bare(**byte)).count(),
        };
        let (text, after) = rest.split_at(length);
        tokens.push(match first {
            b'"' => Token::String(text),
            b'{' | b'[' => Token::Open(*first),
            b'}' | b']' => Token::Close(*first),
            b':' => Token::Colon,
            b',' => Token::Comma,
            _ => Token::Bare(text),
        });
        rest = after;
    }
    tokens
}

fn is_bare(byte: u8) -> bool {
    !b" \t\r\"{}[]:,".contains(&byte)
}

/// The length of the string that `text` begins with, quotes included.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}
