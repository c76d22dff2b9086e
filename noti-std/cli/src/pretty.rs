//! Events for people: one line of the screen each.
//!
//! ```text
//! 07-12 15:15:47  status   gSFMEh75kSQ46ecqAYiJ4h  空气质量 优→良  PM25 12→35
//! 07-13 18:17:47  fault    gSFMEh75kSQ46ecqAYiJ4h  raised 传感器故障 (fault_sensor)
//! ```

mod cells;
mod line;
mod seen;
mod status_line;

use std::io;

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;
use noti_std::proto::json::{JsonStr, JsonValue};
use noti_std::proto::{
    AttrChange, Delivery, DeviceOnline, EventType, FieldError, KvStatus, Payload, RawStatus,
    Timestamp,
};
use terminal_size::{Width, terminal_size_of};

use line::Line;
use seen::{Change, Seen};
pub(crate) use status_line::{Standing, above, hide, with_status_line};

/// How many devices' last values are remembered, and how many bytes of them each: 8 MiB at the most.
const DEVICES: usize = 1024;
const BYTES: usize = 8 * 1024;

/// From so many columns on, a device's id is shown whole.
const WIDE: usize = 96;

/// How many columns a name or a value may take, so that one does not push all others off the screen.
const VALUE: usize = 24;

const PLAIN: Style = Style::new();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

const fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(color)))
}

/// Writes events for people.
#[derive(Debug)]
pub(crate) struct Pretty {
    seen: Seen,
    zone: TimeZone,
    color: bool,
    to_terminal: bool,
    /// `None`: as many as it takes.
    columns: Option<usize>,
}

impl Pretty {
    pub(crate) fn new(color: bool, to_terminal: bool) -> Self {
        Self {
            seen: Seen::new(DEVICES, BYTES),
            zone: TimeZone::system(),
            color,
            to_terminal,
            columns: None,
        }
    }

    /// From now on lines are as long as the terminal is wide, which may have changed. Elsewhere they are as long as it takes.
    pub(crate) fn fit(&mut self) {
        if self.to_terminal {
            let size = terminal_size_of(io::stdout());
            self.columns = size.map(|(Width(columns), _)| columns.into());
        }
    }

    /// Adds the line of an event.
    pub(crate) fn append(&mut self, event: &Delivery<'_>, to: &mut String) {
        let columns = self.columns.unwrap_or(usize::MAX);
        let mut line = Line::new(to, columns, self.color);
        let did = text(event.did());
        line.column(DIM, self.time(event.created_at().ok()), 14);
        let (kind, style) = kind(event);
        line.column(style, kind, 7);
        line.column(PLAIN, &did, if columns >= WIDE { 22 } else { 10 });
        match event.payload() {
            Payload::DeviceOnline(online) => place(&mut line, event, &online),
            Payload::DeviceOffline => line.put(DIM, text(event.mac())),
            Payload::AttrFault(change) | Payload::AttrAlert(change) => {
                fault(&mut line, event, &change)
            }
            Payload::DeviceStatusRaw(status) => bytes(&mut line, &status),
            Payload::DeviceStatusKv(status) => self.changes(&mut line, &did, &status),
            // A kind that is yet unknown: what it brings, as it is.
            _ => line.put(PLAIN, event.data().map_or("", |data| data.raw())),
        }
        line.end();
    }

    /// Local time, as short as three days of events allow.
    fn time(&self, created_at: Option<Timestamp>) -> String {
        let seconds = created_at.and_then(|at| i64::try_from(at.seconds()).ok());
        let at = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        at.map_or("-".to_owned(), |at| {
            let at = at.to_zoned(self.zone.clone());
            let (month, day) = (at.month(), at.day());
            let (hour, minute, second) = (at.hour(), at.minute(), at.second());
            format!("{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
        })
    }

    /// What differs from the device's last values.
    fn changes(&mut self, line: &mut Line<'_>, did: &str, status: &KvStatus<'_>) {
        let Ok(entries) = status.entries() else {
            return line.put(PLAIN, status.data().map_or("", |data| data.raw()));
        };
        let most = self.columns.map_or(usize::MAX, |_| VALUE);
        let device = self.seen.device(did);
        let (mut fitting, mut width) = (Vec::new(), 0_usize);
        let (mut all, mut changed) = (0_usize, 0_usize);
        for (name, value) in entries {
            all += 1;
            let (name, new) = (name.to_string(), remembered(&value));
            let old = match device.update(&name, &new) {
                Change::Same => continue,
                Change::New => None,
                Change::From(old) => Some(old),
            };
            changed += 1;
            // What is off the screen anyway is only counted.
            if width <= line.left() {
                let change = Entry::new(&name, old.as_deref(), &new, most);
                width = width.saturating_add(change.width()).saturating_add(2);
                fitting.push(change);
            }
        }
        if changed == 0 {
            return line.put(DIM, format_args!("no change in {all}"));
        }
        for (entry, number) in fitting.iter().zip(1..) {
            let more = match changed - number {
                0 => 0,
                others => format!("  +{others}").len(),
            };
            let gap = if number > 1 { 2 } else { 0 };
            // The first comes in any case, cut if need be.
            if number > 1 && gap + entry.width() + more > line.left() {
                line.put(DIM, format_args!("  +{}", changed - number + 1));
                return;
            }
            line.gap(gap);
            entry.write(line);
        }
    }
}

/// A value of a device, and what it was before.
struct Entry {
    name: cells::Cells,
    old: Option<cells::Cells>,
    new: cells::Cells,
}

impl Entry {
    fn new(name: &str, old: Option<&str>, new: &str, most: usize) -> Self {
        Self {
            name: cells::Cells::new(name, most),
            old: old.map(|old| cells::Cells::new(shown(old), most)),
            new: cells::Cells::new(shown(new), most),
        }
    }

    fn width(&self) -> usize {
        let old = self.old.as_ref().map_or(0, |old| old.width() + 1);
        self.name.width() + 1 + old + self.new.width()
    }

    fn write(&self, line: &mut Line<'_>) {
        line.put(PLAIN, self.name.text());
        line.gap(1);
        if let Some(old) = &self.old {
            line.put(DIM, old.text());
            line.put(DIM, '→');
        }
        line.put(BOLD, self.new.text());
    }
}

/// A value as it is remembered: the same text however the server escapes it. The quote tells a string from a number.
fn remembered(value: &JsonValue<'_>) -> String {
    value
        .as_str()
        .map_or_else(|| value.raw().to_owned(), |string| format!("\"{string}"))
}

fn shown(remembered: &str) -> &str {
    match remembered.strip_prefix('"') {
        Some(string) if string.trim().is_empty() => "\"\"",
        Some(string) => string,
        None => remembered,
    }
}

fn text(field: Result<JsonStr<'_>, FieldError>) -> String {
    field.map_or_else(|_| "-".to_owned(), |text| text.to_string())
}

/// A short name of the kind.
fn kind(event: &Delivery<'_>) -> (String, Style) {
    let (name, style) = match event.event_type() {
        Ok(EventType::DeviceOnline) => ("online", color(AnsiColor::Green)),
        Ok(EventType::DeviceOffline) => ("offline", color(AnsiColor::Magenta)),
        Ok(EventType::AttrFault) => ("fault", color(AnsiColor::Red)),
        Ok(EventType::AttrAlert) => ("alert", color(AnsiColor::Yellow)),
        Ok(EventType::DeviceStatusRaw) => ("raw", color(AnsiColor::Blue)),
        Ok(EventType::DeviceStatusKv) => ("status", color(AnsiColor::Cyan)),
        Ok(EventType::Other(name)) => return (name.to_string(), PLAIN),
        Ok(_) | Err(_) => ("-", PLAIN),
    };
    (name.to_owned(), style)
}

/// Where a device came online.
fn place(line: &mut Line<'_>, event: &Delivery<'_>, online: &DeviceOnline<'_>) {
    line.put(PLAIN, text(online.ip()));
    let places = [online.city(), online.region(), online.country()];
    let places: Vec<String> = places
        .into_iter()
        .filter_map(|place| Some(place.ok()?.to_string()).filter(|place| !place.is_empty()))
        .collect();
    if !places.is_empty() {
        line.gap(2);
        line.put(PLAIN, places.join(", "));
    }
    line.gap(2);
    line.put(DIM, text(event.mac()));
}

fn fault(line: &mut Line<'_>, event: &Delivery<'_>, change: &AttrChange<'_>) {
    match change.raised() {
        Ok(true) => line.put(color(AnsiColor::Red).bold(), "raised "),
        Ok(false) => line.put(color(AnsiColor::Green), "cleared "),
        Err(_) => {
            let value = event.data().and_then(|data| data.member("value"));
            line.put(PLAIN, value.map_or("", |value| value.raw()));
            line.gap(1);
        }
    }
    match (change.attr_displayname(), change.attr_name()) {
        (Ok(display), Ok(name)) => {
            line.put(BOLD, display);
            line.put(DIM, format_args!(" ({name})"));
        }
        (Ok(name), Err(_)) | (Err(_), Ok(name)) => line.put(BOLD, name),
        (Err(_), Err(_)) => line.put(PLAIN, "-"),
    }
}

/// The bytes of a raw status, in hexadecimal.
fn bytes(line: &mut Line<'_>, status: &RawStatus<'_>) {
    let Ok(base64) = status.base64() else {
        return line.put(PLAIN, "-");
    };
    let mut buffer = vec![0; base64.raw().len() / 4 * 3 + 3];
    match status.decode_into(&mut buffer) {
        Ok(bytes) => {
            let unit = if bytes.len() == 1 { "byte " } else { "bytes" };
            line.put(DIM, format_args!("{} {unit}", bytes.len()));
            line.gap(1);
            // No more than the screen holds is turned into text.
            for byte in bytes {
                if line.left() == 0 {
                    break;
                }
                line.put(PLAIN, format_args!(" {byte:02x}"));
            }
        }
        Err(error) => line.put(DIM, error),
    }
}

#[cfg(test)]
mod tests;
