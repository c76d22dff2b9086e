//! What a session tells the application.

use crate::error::{FieldError, LineError};
use crate::in_flight::AckToken;
use crate::message::{Member, Members, Message};
use crate::number::JsonNumber;
use crate::payload::Payload;
use crate::string::{JsonStr, is_name};
use crate::timestamp::Timestamp;
use crate::value::JsonValue;

/// What a line, or a part of one, means. It borrows the line's bytes, not the session.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<'a> {
    /// The server accepted the login (clause L3).
    LoggedIn,
    /// The server refused the login, and the session is closed (clauses L4 and E1).
    LoginRefused {
        /// The code of an `invalid_msg`; a login answer has none.
        code: Option<u32>,
        /// The server's words.
        msg: Option<JsonStr<'a>>,
    },
    /// A device event. Ack it when the application is done with it.
    Delivery(Delivery<'a>),
    /// The answer to a ping (clause H2).
    Pong,
    /// The server could not make sense of something (clause E1). Look at [`Session::state`](crate::Session::state):
    /// some codes end the session (clauses E2 and E3).
    InvalidMsg {
        /// The server's code, if it gave one.
        code: Option<u32>,
        /// The server's words.
        msg: Option<JsonStr<'a>>,
    },
    /// The next bytes of a line that is longer than the buffer (clause F5). If the connection ends before
    /// [`OversizeEnd`](Self::OversizeEnd), drop the parts: the line comes again.
    OversizePart {
        /// As many bytes as the buffer holds, or one less.
        bytes: &'a [u8],
    },
    /// The last bytes of a line that is longer than the buffer.
    OversizeEnd {
        /// The bytes since the last part; there may be none.
        bytes: &'a [u8],
        /// The whole line's length in bytes.
        length: u64,
        /// Whether the line is an event. Without a token it keeps its place in the server's window until the connection
        /// ends (clause A3).
        push: bool,
        /// Acks the event, if its id could be found. Keep the line first.
        token: Option<AckToken>,
    },
    /// A line that cannot be acted on. The session goes on.
    Malformed {
        /// The exact bytes.
        line: &'a [u8],
        /// What is wrong with it.
        error: LineError,
        /// Whether the line is an event. Without a token it keeps its place in the server's window until the connection
        /// ends (clause A3): when as many as the prefetch do, nothing more will come.
        push: bool,
        /// Acks the event, if its id is beyond doubt (clause A5). Keep the line first.
        token: Option<AckToken>,
    },
    /// A sound message with a command that a client does not know, or does not expect now.
    Unknown {
        /// The exact bytes.
        line: &'a [u8],
    },
}

/// A device event (clause P1). Its fields are read when they are asked for: an application that only forwards
/// [`line`](Self::line) pays for none of them.
///
/// The broker delivers at least once: the same event may come again with another delivery id. What tells events apart
/// is [`event_id`](Self::event_id) where there is one, else the device with [`created_at`](Self::created_at).
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

/// The kind of a device event (clauses P2 to P6).
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EventType<'a> {
    /// `device_online`
    DeviceOnline,
    /// `device_offline`
    DeviceOffline,
    /// `attr_fault`
    AttrFault,
    /// `attr_alert`
    AttrAlert,
    /// `device_status_raw`
    DeviceStatusRaw,
    /// `device_status_kv`
    DeviceStatusKv,
    /// A kind that this crate does not know.
    Other(JsonStr<'a>),
}

impl<'a> EventType<'a> {
    fn named(name: JsonStr<'a>) -> Self {
        #[cfg(target_pointer_width = "64")]
        if let Some(known) = Self::plainly_named(name.as_bytes()) {
            return known;
        }
        const KNOWN: [(&str, EventType<'static>); 6] = [
            ("device_status_kv", EventType::DeviceStatusKv),
            ("device_status_raw", EventType::DeviceStatusRaw),
            ("device_online", EventType::DeviceOnline),
            ("device_offline", EventType::DeviceOffline),
            ("attr_fault", EventType::AttrFault),
            ("attr_alert", EventType::AttrAlert),
        ];
        let known = KNOWN
            .iter()
            .find(|(known, _)| is_name(name.as_bytes(), known));
        known.map_or(Self::Other(name), |(_, event_type)| *event_type)
    }

    /// By comparisons of known length: quicker than the list, and longer.
    #[cfg(target_pointer_width = "64")]
    const fn plainly_named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"device_status_kv" => Self::DeviceStatusKv,
            b"device_status_raw" => Self::DeviceStatusRaw,
            b"device_online" => Self::DeviceOnline,
            b"device_offline" => Self::DeviceOffline,
            b"attr_fault" => Self::AttrFault,
            b"attr_alert" => Self::AttrAlert,
            _ => return None,
        })
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

    /// The event by its kind, with the fields that the kind has.
    #[must_use]
    pub fn payload(&self) -> Payload<'a> {
        Payload::of(*self)
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

/// A member that is there and not `null`.
pub(crate) fn present(member: Option<JsonValue<'_>>) -> Result<JsonValue<'_>, FieldError> {
    match member {
        None => Err(FieldError::Missing),
        Some(value) if value.is_null() => Err(FieldError::Null),
        Some(value) => Ok(value),
    }
}

pub(crate) fn string(member: Option<JsonValue<'_>>) -> Result<JsonStr<'_>, FieldError> {
    present(member)?.as_str().ok_or(FieldError::WrongType)
}

pub(crate) fn number(member: Option<JsonValue<'_>>) -> Result<JsonNumber<'_>, FieldError> {
    present(member)?.as_number().ok_or(FieldError::WrongType)
}
