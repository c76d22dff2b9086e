//! Text as a terminal shows it: in columns, and without what would move its cursor.

use std::fmt::{self, Display, Write};

use unicode_width::UnicodeWidthChar;

/// More marks than this on one character are left out: they take no column, so nothing else would bound them.
const MARKS: usize = 4;

/// Text that is safe to print, and how many columns it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cells {
    text: String,
    width: usize,
}

impl Cells {
    /// `text` in as many columns as it needs, or, cut, in `most`.
    pub(crate) fn new(text: impl Display, most: usize) -> Self {
        let mut cutter = Cutter::new(most);
        // An error is how the cutter says that it wants no more.
        let _ = write!(cutter, "{text}");
        cutter.cells
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) const fn width(&self) -> usize {
        self.width
    }
}

/// Takes text until its columns are full. What does not fit is never kept, however long it is.
struct Cutter {
    cells: Cells,
    most: usize,
    marks: usize,
    /// How much of the text leaves a column for the mark of a cut.
    kept: usize,
    kept_width: usize,
}

impl Cutter {
    fn new(most: usize) -> Self {
        Self {
            cells: Cells::default(),
            most,
            marks: 0,
            kept: 0,
            kept_width: 0,
        }
    }

    fn push(&mut self, character: char) -> fmt::Result {
        let width = character.width().unwrap_or_default();
        let cells = &mut self.cells;
        if width == 0 {
            self.marks += 1;
            if self.marks > MARKS {
                return Ok(());
            }
        } else {
            self.marks = 0;
        }
        if cells.width.saturating_add(width) > self.most {
            cells.text.truncate(self.kept);
            cells.width = self.kept_width;
            if self.most > 0 {
                cells.text.push('…');
                cells.width += 1;
            }
            return Err(fmt::Error);
        }
        cells.text.push(character);
        cells.width += width;
        if cells.width < self.most {
            self.kept = cells.text.len();
            self.kept_width = cells.width;
        }
        Ok(())
    }
}

impl Write for Cutter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                // They join characters or choose between forms of one, which terminals do not agree on; alone each
                // character has a width that all know.
                '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' => {}
                _ if is_unsafe(character) => {
                    let escaped = character.escape_default();
                    escaped.into_iter().try_for_each(|ascii| self.push(ascii))?;
                }
                _ => self.push(character)?,
            }
        }
        Ok(())
    }
}

/// Whether a terminal would act on the character instead of showing it, or show what follows in another order.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str, most: usize) -> (String, usize) {
        let cells = Cells::new(text, most);
        (cells.text, cells.width)
    }

    #[test]
    fn chinese_takes_two_columns_and_is_never_cut_in_half() {
        for (text, most, expected, width) in [
            ("优", 2, "优", 2),
            ("优", 1, "…", 1),
            ("优", 0, "", 0),
            ("空气质量", 8, "空气质量", 8),
            ("空气质量", 7, "空气质…", 7),
            ("空气质量", 6, "空气…", 5),
            ("PM25细颗粒物", 9, "PM25细颗…", 9),
            ("已上锁🔒", 8, "已上锁🔒", 8),
            ("已上锁🔒", 7, "已上锁…", 7),
            ("", 3, "", 0),
        ] {
            assert_eq!(
                cells(text, most),
                (expected.to_owned(), width),
                "{text} in {most}"
            );
        }
    }

    #[test]
    fn what_moves_the_cursor_or_turns_the_text_is_written_out() {
        for (text, expected) in [
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\0\u{7f}\u{9b}2J", "\\u{0}\\u{7f}\\u{9b}2J"),
            ("abc\u{202e}dcba", "abc\\u{202e}dcba"),
            ("a\u{2028}b\u{feff}", "a\\u{2028}b\\u{feff}"),
        ] {
            assert_eq!(cells(text, 80).0, expected);
        }
        for code in 0..=0x10_ffff {
            let Some(character) = char::from_u32(code) else {
                continue;
            };
            let shown = Cells::new(character, 80);
            assert!(!shown.text.contains(char::is_control), "{code:x}");
        }
    }

    #[test]
    fn the_width_is_that_of_each_character_alone() {
        assert_eq!(cells("👩\u{200d}🔧", 80), ("👩🔧".to_owned(), 4));
        assert_eq!(cells("❤\u{fe0f}", 80), ("❤".to_owned(), 1));
        assert_eq!(cells("e\u{301}", 80), ("e\u{301}".to_owned(), 1));
        let piled = format!("e{}f", "\u{301}".repeat(10_000));
        assert_eq!(
            cells(&piled, 80),
            ("e\u{301}\u{301}\u{301}\u{301}f".to_owned(), 2)
        );
    }

    #[test]
    fn a_long_text_costs_no_more_than_its_columns() {
        let cells = Cells::new("温".repeat(1_000_000), 20);
        assert_eq!(cells.width, 19);
        assert!(cells.text.capacity() < 256);
    }
}
