//! A string that is redacted in logs and overwritten when it is dropped.

use std::fmt;

use noti_proto::json::JsonStr;
use zeroize::Zeroizing;

/// The enterprise secret. It is overwritten when it is dropped, and shows in no log and no `Debug`.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret itself, for a program that logs in with a session of its own.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secret as a file has it: without the newline that editors put at the end.
    #[must_use]
    pub fn from_file_content(content: String) -> Self {
        let content = Zeroizing::new(content);
        let line = content.strip_suffix('\n').unwrap_or(&content);
        let line = line.strip_suffix('\r').unwrap_or(line);
        Self(Zeroizing::new(line.to_owned()))
    }

    /// What a server says, for people to read: `***` stands wherever it repeats the secret, and what is beyond 1,000
    /// characters is cut off. Half a surrogate pair reads as U+FFFD; no words at all are an empty text.
    #[must_use]
    pub fn redacted(&self, words: Option<JsonStr<'_>>) -> String {
        const MAX_CHARACTERS: usize = 1000;
        let characters = words.iter().flat_map(JsonStr::chars);
        let words: String = characters
            .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        // Before the cut, which could leave the beginning of the secret.
        self.masked_in(&words)
            .chars()
            .take(MAX_CHARACTERS)
            .collect()
    }

    /// The text with `***` wherever it repeats the secret, as it is or as a JSON string has it.
    fn masked_in(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            rest = if let Some(after) = self.after(rest) {
                masked.push_str("***");
                after
            } else {
                masked.push(character);
                &rest[character.len_utf8()..]
            };
        }
        masked
    }

    /// What follows the secret, if the text begins with it.
    fn after<'t>(&self, text: &'t str) -> Option<&'t str> {
        if self.is_empty() {
            return None;
        }
        let escaped = || self.0.chars().try_fold(text, after_escaped);
        text.strip_prefix(self.expose()).or_else(escaped)
    }
}

/// What follows a character in a JSON string, if the text begins with it in any of its spellings.
fn after_escaped(text: &str, character: char) -> Option<&str> {
    let must_be_escaped = matches!(character, '"' | '\\' | '\0'..='\x1f');
    if !must_be_escaped && let Some(after) = text.strip_prefix(character) {
        return Some(after);
    }
    let short = match character {
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{c}' => 'f',
        '\r' => 'r',
        '"' | '\\' | '/' => character,
        _ => 'u',
    };
    let after = text.strip_prefix('\\')?;
    if short != 'u'
        && let Some(after) = after.strip_prefix(short)
    {
        return Some(after);
    }
    let mut units = [0; 2];
    let units = character.encode_utf16(&mut units);
    units.iter().try_fold(text, |text, unit| {
        let (digits, after) = text.strip_prefix("\\u")?.split_at_checked(4)?;
        (u16::from_str_radix(digits, 16) == Ok(*unit)).then_some(after)
    })
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(Zeroizing::new(secret))
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self::from(secret.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_masked_in_every_spelling() {
        let secret = Secret::from("a\"\\/\n器😀");
        for spelling in [
            "a\"\\/\n器😀",
            r#"a\"\\/\n器😀"#,
            r#"a\"\\\/\n器😀"#,
            r"\u0061\u0022\u005c\u002f\u000a\u5668\ud83d\ude00",
            r#"a\"\u005C/\u000A\u5668\uD83D\uDE00"#,
        ] {
            let text = format!("no: {spelling}, {spelling}{spelling}!");
            assert_eq!(secret.masked_in(&text), "no: ***, ******!", "{spelling}");
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        let secret = Secret::from("geheim");
        for text in ["", "geh", "ge-heim", r"\u0067", r"\u00", "\\", "传感器"] {
            assert_eq!(secret.masked_in(text), text);
        }
        assert_eq!(Secret::default().masked_in("text"), "text");
    }
}
