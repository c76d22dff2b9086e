use std::fmt::{self, Write};
use std::str::FromStr;

use noti_std::proto::Delivery;
use noti_std::proto::json::JsonValue;

/// Writes chosen fields of events, in columns between tabs: one line each, as PostgreSQL's `COPY` reads them.
#[derive(Clone, Debug)]
pub struct Select {
    fields: Vec<Field>,
}

/// A member of an event, such as `did`, or one further down, such as `data.温度`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field(String);

impl FromStr for Field {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "" => Err("a field needs a name, such as did or data.temperature"),
            _ => Ok(Self(name.to_owned())),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Select {
    /// Takes the fields in the order of their columns.
    #[must_use]
    pub const fn new(fields: Vec<Field>) -> Self {
        Self { fields }
    }

    /// Adds the line of an event. What is missing or `null` is empty.
    pub fn append(&self, event: &Delivery<'_>, to: &mut String) {
        for (number, Field(name)) in self.fields.iter().enumerate() {
            if number > 0 {
                to.push('\t');
            }
            match find(name, |name| event.member(name)) {
                None => {}
                Some(value) if value.is_null() => {}
                Some(value) => match value.as_str() {
                    // Writing to a string cannot fail.
                    Some(text) => drop(write!(Escaped(to), "{text}")),
                    None => drop(write!(Escaped(to), "{value}")),
                },
            }
        }
        to.push('\n');
    }
}

/// The member of that name; failing that, what the name means once it is split at a dot.
fn find<'v>(name: &str, member: impl Fn(&str) -> Option<JsonValue<'v>>) -> Option<JsonValue<'v>> {
    member(name).or_else(|| {
        let (head, tail) = name.split_once('.')?;
        let inner = member(head)?;
        find_in(inner, tail)
    })
}

fn find_in<'v>(value: JsonValue<'v>, name: &str) -> Option<JsonValue<'v>> {
    value.member(name).or_else(|| {
        let (head, tail) = name.split_once('.')?;
        find_in(value.member(head)?, tail)
    })
}

/// Escapes as `COPY` does: what would end a column or a line, backslashes, and whatever a terminal would act on.
struct Escaped<'s>(&'s mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '\t' => self.0.push_str("\\t"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                '\\' => self.0.push_str("\\\\"),
                _ if character.is_control() => {
                    let mut bytes = [0; 4];
                    for byte in character.encode_utf8(&mut bytes).bytes() {
                        write!(self.0, "\\x{byte:02x}")?;
                    }
                }
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::event;

    fn select(fields: &str, members: &str) -> String {
        let fields = fields
            .split(',')
            .map(|name| name.parse().unwrap())
            .collect();
        let mut line = String::new();
        event(members, |event| {
            Select::new(fields).append(event, &mut line)
        });
        line
    }

    #[test]
    fn fields_are_columns_and_what_is_missing_is_empty() {
        let members = r#""did":"d","group_id":null,"created_at":1.5e9,"data":{"温度":21.5,"on":true,"a":{"b":[1, "x"]}}"#;
        for (fields, expected) in [
            ("did", "d"),
            ("delivery_id,created_at,did", "7\t1.5e9\td"),
            ("data.温度,data.on", "21.5\ttrue"),
            ("did,mac,group_id,data.none,data.a.c", "d\t\t\t\t"),
            ("data.a.b", r#"[1, "x"]"#),
            ("data.a", r#"{"b":[1, "x"]}"#),
            ("did.x", ""),
        ] {
            assert_eq!(select(fields, members), format!("{expected}\n"), "{fields}");
        }
    }

    #[test]
    fn a_dot_may_belong_to_a_name() {
        let members = r#""a.b":1,"data":{"c.d":2,"c":{"d":3,"e":4}}"#;
        assert_eq!(select("a.b,data.c.d,data.c.e", members), "1\t2\t4\n");
    }

    #[test]
    fn what_would_end_a_column_or_act_on_a_terminal_is_escaped() {
        let members = r#""did":"a\tb\nc\rd\\e\u001b[0m\u009b优","data":{"x":"\t"}"#;
        assert_eq!(
            select("did,data", members),
            "a\\tb\\nc\\rd\\\\e\\x1b[0m\\xc2\\x9b优\t{\"x\":\"\\\\t\"}\n"
        );
        assert!("".parse::<Field>().is_err());
    }
}
