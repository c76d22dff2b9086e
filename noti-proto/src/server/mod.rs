//! The broker's end of the protocol, for local brokers, tests and simulations.
//!
//! The shape is that of the client's [`Session`](crate::Session): lines and time go in, events, bytes and a deadline
//! come out, and the memory is the caller's. What it leaves to the caller is who may log in and which events there are.
//!
//! ```
//! use noti_proto::server::{BrokerConfig, BrokerEvent, BrokerSession};
//! use noti_proto::{Inline, Instant, Line};
//!
//! let now = Instant::ZERO;
//! let mut broker = BrokerSession::new(BrokerConfig::default(), Inline::<512, 5>::new()).unwrap();
//! broker.connected(now);
//!
//! let login = br#"{"cmd":"enterprise_login_req","data":{"enterprise_id":"e","enterprise_secret":"s","prefetch_count":5}}"#;
//! let Some(BrokerEvent::LoginRequest(request)) = broker.handle_line(now, Line::whole(login)) else {
//!     panic!("a login");
//! };
//! assert!(request.enterprise_id == "e" && request.enterprise_secret == "s");
//! broker.accept_login();
//! broker.push(7, br#"{"event_type":"device_offline","did":"d"}"#).unwrap();
//!
//! let ack = br#"{"cmd":"enterprise_event_ack","delivery_id":1}"#;
//! let event = broker.handle_line(now, Line::whole(ack));
//! assert!(matches!(event, Some(BrokerEvent::Acked { tag: 7 })));
//! ```

mod event;
mod machine;
mod state;
mod window;

pub use self::event::{BrokerEvent, ClientError, LoginRequest, PushError};
pub use self::machine::BrokerSession;
pub use self::state::{BrokerCloseReason, BrokerConfig, BrokerState};
