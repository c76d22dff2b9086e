//! Event lines for benches: every kind of event, the same bytes for the same seed, 384 bytes on average.

use noti_broker::{Composer, Generator, GeneratorConfig, Oddity, Style};

/// Lines as a server sends them, and how many events they are.
pub struct Corpus {
    /// The lines, each with its end.
    pub bytes: Vec<u8>,
    /// How many lines.
    pub events: usize,
}

impl Corpus {
    /// Compact lines with their members in the order of the document; every other line has its `created_at` in the long
    /// form with an exponent.
    #[must_use]
    pub fn ordered(events: usize) -> Self {
        Self::written(GeneratorConfig::default(), events, Style::PLAIN)
    }

    /// The same events as another server would write them: the members in random order, a space after each comma and
    /// colon, `\uXXXX` for all that is not ASCII, `\/` for a slash, `\r\n` for an end.
    #[must_use]
    pub fn disordered(events: usize) -> Self {
        let style = Style::PLAIN.with(Oddity::Shuffle).with(Oddity::Crlf);
        let plain = Self::written(GeneratorConfig::default(), events, style);
        let text = String::from_utf8(plain.bytes).expect("generated text");
        Self {
            bytes: spaced_and_escaped(&text).into_bytes(),
            events,
        }
    }

    /// Events as `config` has them, in the style.
    ///
    /// # Panics
    /// The configuration is out of its range.
    #[must_use]
    pub fn written(config: GeneratorConfig, events: usize, style: Style) -> Self {
        let seed = config.seed;
        let generator = Generator::new(config).expect("a sound configuration");
        let composers =
            [style, style.with(Oddity::Exponent)].map(|style| Composer::new(style, seed));
        let mut bytes = Vec::new();
        for ((body, number), composer) in generator
            .zip(1..)
            .take(events)
            .zip(composers.iter().cycle())
        {
            let end = composer.compose(&body, number, &mut bytes);
            bytes.extend_from_slice(end.as_bytes());
        }
        Self { bytes, events }
    }
}

/// JSON text with a space after each comma and colon, and with escapes for slashes and for what is not ASCII.
fn spaced_and_escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(2 * text.len());
    let (mut in_string, mut after_backslash) = (false, false);
    for character in text.chars() {
        match character {
            '/' if !after_backslash => out.push_str("\\/"),
            ',' | ':' if !in_string => {
                out.push(character);
                out.push(' ');
            }
            _ if character.is_ascii() => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("memory");
                }
            }
        }
        in_string ^= character == '"' && !after_backslash;
        after_backslash = character == '\\' && !after_backslash;
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::Corpus;

    #[test]
    fn both_corpora_are_the_same_events() {
        let corpora = [Corpus::ordered(200), Corpus::disordered(200)];
        let [ordered, disordered] = corpora.map(|corpus| {
            let lines = corpus.bytes.split_inclusive(|byte| *byte == b'\n');
            let values = lines.map(|line| serde_json::from_slice(line).expect("JSON"));
            values.collect::<Vec<Value>>()
        });
        assert_eq!(ordered.len(), 200);
        assert_eq!(ordered, disordered);
    }
}
