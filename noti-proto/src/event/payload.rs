//! The six kinds of device events, each with its own fields (clauses P2 to P6).

use super::base64::{self, Base64Error};
use super::delivery::Delivery;
use super::error::FieldError;
use super::field::{number, present, string};
use super::kind::EventType;
use crate::json::string::JsonStr;
use crate::json::value::{JsonValue, ObjectIter};

/// A device event by its kind. The fields that all kinds share are those of [`Delivery`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// A device came online.
    DeviceOnline(DeviceOnline<'a>),
    /// A device went offline. It has no fields of its own.
    DeviceOffline,
    /// A fault was raised or cleared.
    AttrFault(AttrChange<'a>),
    /// An alert was raised or cleared.
    AttrAlert(AttrChange<'a>),
    /// A device reported its status as bytes.
    DeviceStatusRaw(RawStatus<'a>),
    /// A device reported its status as keys and values.
    DeviceStatusKv(KvStatus<'a>),
    /// A kind that this crate does not know, or none at all: see [`Delivery::event_type`].
    Other,
}

impl<'a> Delivery<'a> {
    /// The event by its kind, with the fields that the kind has.
    #[must_use]
    pub fn payload(&self) -> Payload<'a> {
        Payload::of(*self)
    }
}

impl<'a> Payload<'a> {
    fn of(delivery: Delivery<'a>) -> Self {
        let data = delivery.data();
        match delivery.event_type() {
            Ok(EventType::DeviceOnline) => Self::DeviceOnline(DeviceOnline { delivery }),
            Ok(EventType::DeviceOffline) => Self::DeviceOffline,
            Ok(EventType::AttrFault) => Self::AttrFault(AttrChange { data }),
            Ok(EventType::AttrAlert) => Self::AttrAlert(AttrChange { data }),
            Ok(EventType::DeviceStatusRaw) => Self::DeviceStatusRaw(RawStatus { data }),
            Ok(EventType::DeviceStatusKv) => Self::DeviceStatusKv(KvStatus { data }),
            Ok(EventType::Other(_)) | Err(_) => Self::Other,
        }
    }
}

/// Where an online device is (clause P2).
#[derive(Clone, Copy, Debug)]
pub struct DeviceOnline<'a> {
    delivery: Delivery<'a>,
}

impl<'a> DeviceOnline<'a> {
    /// The device's public address.
    ///
    /// # Errors
    /// [`FieldError`], as for every field of this type.
    pub fn ip(&self) -> Result<JsonStr<'a>, FieldError> {
        string(self.delivery.member("ip"))
    }

    /// The country of that address.
    ///
    /// # Errors
    /// [`FieldError`]
    pub fn country(&self) -> Result<JsonStr<'a>, FieldError> {
        string(self.delivery.member("country"))
    }

    /// The region of that address.
    ///
    /// # Errors
    /// [`FieldError`]
    pub fn region(&self) -> Result<JsonStr<'a>, FieldError> {
        string(self.delivery.member("region"))
    }

    /// The city of that address.
    ///
    /// # Errors
    /// [`FieldError`]
    pub fn city(&self) -> Result<JsonStr<'a>, FieldError> {
        string(self.delivery.member("city"))
    }
}

/// A fault or an alert that was raised or cleared (clause P4). Both share [`Delivery::event_id`].
#[derive(Clone, Copy, Debug)]
pub struct AttrChange<'a> {
    data: Option<JsonValue<'a>>,
}

impl<'a> AttrChange<'a> {
    /// The data point's name in the product's definition.
    ///
    /// # Errors
    /// [`FieldError`], as for every field of this type.
    pub fn attr_name(&self) -> Result<JsonStr<'a>, FieldError> {
        string(self.member("attr_name")?)
    }

    /// The data point's name for people.
    ///
    /// # Errors
    /// [`FieldError`]
    pub fn attr_displayname(&self) -> Result<JsonStr<'a>, FieldError> {
        string(self.member("attr_displayname")?)
    }

    /// Whether it was raised (`value` 1) or cleared (`value` 0).
    ///
    /// # Errors
    /// [`FieldError`]; `OutOfRange` for any other number.
    pub fn raised(&self) -> Result<bool, FieldError> {
        match number(self.member("value")?)?.to_u32() {
            Ok(0) => Ok(false),
            Ok(1) => Ok(true),
            _ => Err(FieldError::OutOfRange),
        }
    }

    fn member(&self, name: &str) -> Result<Option<JsonValue<'a>>, FieldError> {
        let data = present(self.data)?;
        data.as_object().ok_or(FieldError::WrongType)?;
        Ok(data.member(name))
    }
}

/// A status as the device sent it (clause P5).
#[derive(Clone, Copy, Debug)]
pub struct RawStatus<'a> {
    data: Option<JsonValue<'a>>,
}

impl<'a> RawStatus<'a> {
    /// The frame in base64: `data` itself, or its member `raw`.
    ///
    /// # Errors
    /// [`FieldError`]
    pub fn base64(&self) -> Result<JsonStr<'a>, FieldError> {
        match present(self.data)? {
            object if object.as_object().is_some() => string(object.member("raw")),
            value => string(Some(value)),
        }
    }

    /// Decodes the frame into `buffer`. Three quarters of the text's length is always long enough.
    ///
    /// # Errors
    /// [`RawError`]
    pub fn decode_into<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], RawError> {
        let text = self.base64().map_err(RawError::Field)?;
        // What is no character is no base64 either.
        let characters = text
            .chars()
            .map(|next| next.unwrap_or(char::REPLACEMENT_CHARACTER));
        let length = base64::decode(characters, buffer).map_err(RawError::Base64)?;
        Ok(buffer.get(..length).unwrap_or_default())
    }
}

/// Why a raw status gives no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RawError {
    /// `data` is not there, or of another type.
    Field(FieldError),
    /// It is no base64, or longer than the buffer.
    Base64(Base64Error),
}

impl core::fmt::Display for RawError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::Base64(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RawError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Field(error) => Some(error),
            Self::Base64(error) => Some(error),
        }
    }
}

/// A status as keys and values (clause P6).
#[derive(Clone, Copy, Debug)]
pub struct KvStatus<'a> {
    data: Option<JsonValue<'a>>,
}

impl<'a> KvStatus<'a> {
    /// The data points, in the order of the line.
    ///
    /// # Errors
    /// [`FieldError`] when `data` is no object.
    pub fn entries(&self) -> Result<ObjectIter<'a>, FieldError> {
        present(self.data)?.as_object().ok_or(FieldError::WrongType)
    }

    /// The value of `data`, whatever it is.
    #[must_use]
    pub const fn data(&self) -> Option<JsonValue<'a>> {
        self.data
    }

    /// One data point by its name.
    ///
    /// # Errors
    /// [`FieldError`] when `data` is no object, or has no such member.
    pub fn get(&self, name: &str) -> Result<JsonValue<'a>, FieldError> {
        self.entries()?;
        present(self.data)?.member(name).ok_or(FieldError::Missing)
    }
}
