//! Values into the application's own types, through serde-json-core (feature `serde`).

use core::error::Error;
use core::fmt;

use serde::Deserialize;

use super::error::FieldError;
use super::payload::KvStatus;
use crate::json::value::JsonValue;

impl<'a> JsonValue<'a> {
    /// Reads the value as a `T`, a type that derives `Deserialize`.
    ///
    /// `scratch` is where strings with escapes are decoded, one at a time: as long as the longest of them. What
    /// serde-json-core cannot do, this cannot:
    ///
    /// - a `&str` field takes only strings without escapes; [`heapless::String`] takes any that fits;
    /// - `\u` escapes of a surrogate pair, such as those of an emoji, are refused; use [`as_str`](Self::as_str);
    /// - members that `T` does not name are skipped, but their escaped strings need `scratch` too.
    ///
    /// # Errors
    /// [`TypedError::Type`]
    pub fn deserialize<T: Deserialize<'a>>(&self, scratch: &mut [u8]) -> Result<T, TypedError> {
        serde_json_core::de::from_slice_escaped(self.as_bytes(), scratch)
            .map(|(value, _)| value)
            .map_err(|error| TypedError::Type(Reason(error)))
    }
}

impl<'a> KvStatus<'a> {
    /// Reads the data points as a `T`, a type that derives `Deserialize`; see [`JsonValue::deserialize`].
    ///
    /// ```
    /// use noti_proto::{Config, Event, Inline, Instant, Line, Login, Payload, Session};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Fan {
    ///     speed: u8,
    ///     mode: heapless::String<16>,
    /// }
    /// # let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).unwrap();
    /// # let now = Instant::ZERO;
    /// # session.connected(now, &Login { enterprise_id: "", enterprise_secret: "" }).unwrap();
    /// let line = br#"{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"device_status_kv",
    /// "data":{"speed":3,"mode":"\u7761\u7720"}}"#;
    /// # let line: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\n').collect();
    /// let Some(Event::Delivery(delivery)) = session.handle_line(now, Line::whole(&line)) else {
    ///     panic!("a delivery");
    /// };
    /// if let Payload::DeviceStatusKv(status) = delivery.payload() {
    ///     let fan: Fan = status.deserialize(&mut [0; 64]).unwrap();
    ///     assert_eq!((fan.speed, fan.mode.as_str()), (3, "睡眠"));
    /// }
    /// ```
    ///
    /// # Errors
    /// [`TypedError`]
    pub fn deserialize<T: Deserialize<'a>>(&self, scratch: &mut [u8]) -> Result<T, TypedError> {
        self.entries().map_err(TypedError::Field)?;
        let data = self.data().ok_or(TypedError::Field(FieldError::Missing))?;
        data.deserialize(scratch)
    }
}

/// Why a value gives no `T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypedError {
    /// The field is not there, or no object.
    Field(FieldError),
    /// The value does not fit the type.
    Type(Reason),
}

/// What serde-json-core says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason(serde_json_core::de::Error);

impl fmt::Display for TypedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::Type(Reason(error)) => {
                write!(
                    f,
                    "the value does not fit the type ({error}); read it member by member"
                )
            }
        }
    }
}

impl Error for TypedError {}
