//! The events that devices cause, and the lines that carry them.

use super::choices::Choices;

/// What becomes of one event.
#[derive(Debug)]
pub(super) struct Event {
    /// The members of its line but `cmd` and `delivery_id`, with the braces.
    pub(super) body: String,
    /// How often a connection ended with it un-acked.
    pub(super) returned: u32,
    /// How often an application got it.
    pub(super) delivered: u32,
    /// The application has it where a crash cannot take it.
    pub(super) written: bool,
    /// The broker has its ack.
    pub(super) acked: bool,
}

impl Event {
    pub(super) fn new(number: u32, choices: &mut Choices<'_>) -> Self {
        let fill = "设备".repeat(choices.of(&[1, 10, 40, 80]));
        let body = match choices.below(8) {
            // The line is malformed, and yet its id is beyond doubt.
            7 => format!(r#"{{"number":{number},"data":{{"fill":"{fill}","x":tru}}}}"#),
            _ => format!(r#"{{"number":{number},"data":{{"fill":"{fill}"}}}}"#),
        };
        Self {
            body,
            returned: 0,
            delivered: 0,
            written: false,
            acked: false,
        }
    }

    /// The line as the delivery with this id, with the id in front or behind.
    pub(super) fn line(&self, id: &str, id_last: bool) -> String {
        let members = &self.body[1..self.body.len() - 1];
        if id_last {
            format!(r#"{{"cmd":"enterprise_event_push",{members},"delivery_id":{id}}}"#)
        } else {
            format!(r#"{{"cmd":"enterprise_event_push","delivery_id":{id},{members}}}"#)
        }
    }
}

/// The number of the event that a line carries.
pub(super) fn number(line: &[u8]) -> u32 {
    let text = std::str::from_utf8(line).expect("the broker sends text");
    let (_, rest) = text
        .split_once("\"number\":")
        .expect("the line of an event");
    let digits = rest.split(',').next().unwrap_or_default();
    digits.parse().expect("the number of an event")
}
