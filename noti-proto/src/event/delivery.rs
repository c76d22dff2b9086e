//! A device event and its common fields (clause P1).

use super::error::FieldError;
use super::field::{present, string};
use super::kind::EventType;
use super::timestamp::Timestamp;
use super::token::AckToken;
use crate::json::string::JsonStr;
use crate::json::value::JsonValue;
use crate::wire::members::{Member, Members};
use crate::wire::message::Message;

/// A device event (clause P1). Its fields are read when they are asked for: an application that only forwards
/// [`line`](Self::line) pays for none of them.
///
/// The broker delivers at least once: the same event may come again with another delivery id. To recognise a
/// duplicate, compare [`event_id`](Self::event_id) together with `data.value` where there is an event id, since the end of
/// a fault has the id of its beginning; else compare [`did`](Self::did), [`created_at`](Self::created_at) and
/// [`event_type`](Self::event_type).
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    line: &'a [u8],
    layout: Layout,
}

/// A delivery without its line: where the fields stand in it, and its token. It borrows nothing, so it can be kept
/// beside an owned copy of the line, and gives the delivery back without another scan.
///
/// ```
/// # use noti_proto::{Config, Event, Inline, Instant, Line, Login, Session};
/// # let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).unwrap();
/// # let now = Instant::ZERO;
/// # session.connected(now, &Login { enterprise_id: "", enterprise_secret: "" }).unwrap();
/// # let line = Line::whole(br#"{"cmd":"enterprise_event_push","delivery_id":7,"did":"d"}"#);
/// # let Some(Event::Delivery(delivery)) = session.handle_line(now, line) else { panic!() };
/// let (line, layout) = (delivery.line().to_vec(), delivery.layout());
/// // Later, or in another thread:
/// assert!(layout.of(&line).did().unwrap() == "d");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    members: Members,
    token: AckToken,
}

impl Layout {
    /// The delivery again. `line` must be a copy of its line; over other bytes the fields mean nothing, but nothing
    /// panics.
    #[must_use]
    pub const fn of<'a>(&self, line: &'a [u8]) -> Delivery<'a> {
        Delivery {
            line,
            layout: *self,
        }
    }

    /// What acks the delivery.
    pub const fn token(&self) -> AckToken {
        self.token
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Delivery<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Delivery {=[u8]:a}", self.line);
    }
}

impl<'a> Delivery<'a> {
    pub(crate) const fn new(message: &Message<'a, '_>, token: AckToken) -> Self {
        Self {
            line: message.line,
            layout: Layout {
                members: *message.members,
                token,
            },
        }
    }

    /// The delivery without its line, for keeping the two apart.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// What to give to [`Session::ack`](crate::Session::ack) once the application is done with the event.
    pub const fn token(&self) -> AckToken {
        self.layout.token
    }

    /// The exact bytes of the line, without the `\n` or `\r\n` that ended it.
    #[must_use]
    pub const fn line(&self) -> &'a [u8] {
        self.line
    }

    /// The delivery id as it was sent: its exact bytes, quotes included if it is a string (clause A2). It belongs to
    /// one connection and tells nothing about the event: do not recognise duplicates by it.
    #[must_use]
    pub fn delivery_id(&self) -> &'a [u8] {
        let id = self.layout.members.value(Member::DeliveryId, self.line);
        id.map(|id| id.as_bytes()).unwrap_or_default()
    }

    /// What kind of event this is.
    ///
    /// # Errors
    /// [`FieldError`] when `event_type` is missing or no string.
    pub fn event_type(&self) -> Result<EventType<'a>, FieldError> {
        self.string(Member::EventType).map(EventType::named)
    }

    /// The product key (clause P1).
    ///
    /// # Errors
    /// [`FieldError`], as for every field of this type.
    pub fn product_key(&self) -> Result<JsonStr<'a>, FieldError> {
        self.string(Member::ProductKey)
    }

    /// The device id (clause P1).
    ///
    /// # Errors
    /// [`FieldError`]
    pub fn did(&self) -> Result<JsonStr<'a>, FieldError> {
        self.string(Member::Did)
    }

    /// The device's MAC address: 12 hexadecimal digits, or a name such as `virtual:site` (clause P1).
    ///
    /// # Errors
    /// [`FieldError`]
    pub fn mac(&self) -> Result<JsonStr<'a>, FieldError> {
        self.string(Member::Mac)
    }

    /// The device's group: a string, empty, `null`, or absent (clause P1).
    ///
    /// # Errors
    /// [`FieldError`]
    pub fn group_id(&self) -> Result<JsonStr<'a>, FieldError> {
        self.string(Member::GroupId)
    }

    /// The moment at which the cloud recorded the event (clause P1).
    ///
    /// # Errors
    /// [`FieldError`]; `OutOfRange` for a time before 1970, or after the year 584,000,000,000.
    pub fn created_at(&self) -> Result<Timestamp, FieldError> {
        let value = present(self.layout.members.value(Member::CreatedAt, self.line))?;
        let number = value.as_number().ok_or(FieldError::WrongType)?;
        Timestamp::from_number(number).map_err(|_| FieldError::OutOfRange)
    }

    /// The occurrence that a fault or an alert, and its end, have in common (clause P4).
    ///
    /// # Errors
    /// [`FieldError`]
    pub fn event_id(&self) -> Result<JsonStr<'a>, FieldError> {
        self.string(Member::EventId)
    }

    /// The value of `data`, whatever it is (clauses P4 to P6).
    #[must_use]
    pub fn data(&self) -> Option<JsonValue<'a>> {
        self.layout.members.value(Member::Data, self.line)
    }

    /// Any top-level member by its name; the last one where it is repeated. O(length of the line): the fields above are
    /// quicker.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<JsonValue<'a>> {
        JsonValue::from_validated(self.line.trim_ascii()).member(name)
    }

    fn string(&self, member: Member) -> Result<JsonStr<'a>, FieldError> {
        string(self.layout.members.value(member, self.line))
    }
}
