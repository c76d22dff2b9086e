use std::fmt::Display;

use anstyle::Style;

use super::cells::Cells;

/// One line of the screen under way: it never takes more columns than it has.
#[derive(Debug)]
pub(crate) struct Line<'b> {
    to: &'b mut String,
    left: usize,
    color: bool,
}

impl<'b> Line<'b> {
    pub(crate) const fn new(to: &'b mut String, columns: usize, color: bool) -> Self {
        Self {
            to,
            left: columns,
            color,
        }
    }

    /// How many columns are left.
    pub(crate) const fn left(&self) -> usize {
        self.left
    }

    /// Writes what fits.
    pub(crate) fn put(&mut self, style: Style, text: impl Display) {
        let cells = Cells::new(text, self.left);
        if cells.width() == 0 {
            return;
        }
        self.left -= cells.width();
        if self.color && style != Style::new() {
            self.to.push_str(&style.render().to_string());
            self.to.push_str(cells.text());
            self.to.push_str(&style.render_reset().to_string());
        } else {
            self.to.push_str(cells.text());
        }
    }

    /// Writes a column of a table, and the gap after it.
    pub(crate) fn column(&mut self, style: Style, text: impl Display, width: usize) {
        let cells = Cells::new(text, width);
        self.put(style, cells.text());
        self.gap(width - cells.width() + 2);
    }

    pub(crate) fn gap(&mut self, width: usize) {
        let width = width.min(self.left);
        self.left -= width;
        self.to.extend(std::iter::repeat_n(' ', width));
    }

    /// Ends the line.
    pub(crate) fn end(self) {
        let printed = self.to.trim_end_matches(' ').len();
        self.to.truncate(printed);
        self.to.push('\n');
    }
}
