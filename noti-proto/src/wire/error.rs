//! Why a line is not a message.

use core::error::Error;
use core::fmt;

use crate::json::error::JsonError;

/// Why a line is not a message that the session can act on; reported in `Event::Malformed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LineError {
    /// The line is no JSON text (clause J1).
    Json(JsonError),
    /// JSON, but no object (clause J3).
    NotAnObject,
    /// No `cmd`, or one that is no string (clause J3).
    NoCommand,
    /// `cmd` or `delivery_id` stands in it twice, so it is not clear what to ack (clause J4).
    RepeatedMember,
    /// An event without `delivery_id` (clause A3).
    NoDeliveryId,
    /// A `delivery_id` that is an array or an object (clause A3).
    DeliveryIdNotScalar,
    /// A `delivery_id` of more than [`MAX_ID`](crate::MAX_ID) bytes (clause A3).
    DeliveryIdTooLong,
    /// A login answer whose `data.result` is neither `true` nor `false` (clause L3).
    NoLoginResult,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(error) => return error.fmt(f),
            Self::NotAnObject => "the line is JSON but no object; keep it and ask the service about it",
            Self::NoCommand => "the message has no string `cmd`; keep it and ask the service about it",
            Self::RepeatedMember => {
                "the message has `cmd` or `delivery_id` twice; keep it, it cannot be acked safely"
            }
            Self::NoDeliveryId => "the event has no `delivery_id`; keep it, it cannot be acked",
            Self::DeliveryIdNotScalar => {
                "the event's `delivery_id` is an array or an object; keep it, it cannot be acked"
            }
            Self::DeliveryIdTooLong => {
                "the event's `delivery_id` is longer than 40 bytes; keep it, it cannot be acked"
            }
            Self::NoLoginResult => {
                "the login answer has no boolean `data.result`; check that the server speaks protocol 1.0"
            }
        })
    }
}

impl Error for LineError {}
