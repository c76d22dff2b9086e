//! What a broker has seen: per connection, and in all.

mod connection;

use std::fmt;

use noti_proto::server::ClientError;
use serde_json::{Value, json};

pub use self::connection::{ClientFault, ConnectionReport, Ended};

/// Connections that are kept one by one; of more, those that closed first are only counted in the totals.
pub(super) const KEPT_CONNECTIONS: usize = 1000;

/// What was counted, on one connection or on all.
///
/// Every delivery is acked, in flight, or was left un-acked by a connection that closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Events pushed, each time anew.
    pub delivered: u64,
    /// Deliveries that were acked.
    pub acked: u64,
    /// Deliveries of an event that had been pushed before, on whichever connection.
    pub redelivered: u64,
    /// Deliveries that are not acked now.
    pub in_flight: u64,
    /// The most there ever were.
    pub in_flight_high: u64,
    /// Acks of an id that is not un-acked on their connection: never sent on it, or acked before.
    pub unknown_acks: u64,
    /// Pings.
    pub pings: u64,
    /// What the client did wrong, unknown acks included.
    pub client_errors: u64,
    /// Faults that the broker committed because it was told to.
    pub faults: u64,
}

impl Counts {
    pub(super) fn deliver(&mut self, first_time: bool) {
        self.delivered += 1;
        self.redelivered += u64::from(!first_time);
        self.in_flight += 1;
        self.in_flight_high = self.in_flight_high.max(self.in_flight);
    }

    pub(super) fn ack(&mut self) {
        self.acked += 1;
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(super) fn leave_unacked(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(super) fn err(&mut self, error: ClientError) {
        self.client_errors += 1;
        self.unknown_acks += u64::from(error == ClientError::UnknownDelivery);
    }

    fn to_json(self) -> Value {
        json!({
            "delivered": self.delivered,
            "acked": self.acked,
            "redelivered": self.redelivered,
            "in_flight": self.in_flight,
            "in_flight_high": self.in_flight_high,
            "unknown_acks": self.unknown_acks,
            "pings": self.pings,
            "client_errors": self.client_errors,
            "faults": self.faults,
        })
    }
}

/// `delivered 100, acked 100, in flight 0, redelivered 0`, and what else is not zero.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            delivered,
            acked,
            in_flight,
            redelivered,
            ..
        } = self;
        write!(
            f,
            "delivered {delivered}, acked {acked}, in flight {in_flight}, redelivered {redelivered}"
        )?;
        for (name, count) in [
            ("in flight at most", self.in_flight_high),
            ("pings", self.pings),
            ("unknown acks", self.unknown_acks),
            ("client errors", self.client_errors),
            ("faults", self.faults),
        ] {
            if count > 0 {
                write!(f, ", {name} {count}")?;
            }
        }
        Ok(())
    }
}

/// What a [`Broker`](crate::Broker) has seen.
///
/// Its `Display` is text of several lines, the totals last; [`totals`](Self::totals) alone are one line.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// All connections together.
    pub totals: Counts,
    /// Connections there have been.
    pub accepted: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Logins that were let in.
    pub logins: u64,
    /// Logins that were refused.
    pub logins_refused: u64,
    /// Events that wait in the queues.
    pub left: u64,
    /// Events that were dropped from the queues for their age or their number.
    pub dropped: u64,
    /// Lines of a source that were no events.
    pub source_errors: u64,
    /// What the first of them were.
    pub source_error_texts: Vec<String>,
    /// Each fault that the broker was told to commit, and how often it did.
    pub faults: Vec<(String, u64)>,
    /// Each connection: those that live, and the last 1000 that closed.
    pub connections: Vec<ConnectionReport>,
}

impl Report {
    /// The whole report as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let faults: Vec<_> = self
            .faults
            .iter()
            .map(|(fault, count)| json!({"fault": fault, "count": count}))
            .collect();
        let connections: Vec<_> = self
            .connections
            .iter()
            .map(ConnectionReport::to_json)
            .collect();
        let mut value = json!({
            "accepted": self.accepted,
            "open": self.open,
            "logins": self.logins,
            "logins_refused": self.logins_refused,
            "left": self.left,
            "dropped": self.dropped,
            "source_errors": self.source_errors,
            "source_error_texts": self.source_error_texts,
            "faults_by_kind": faults,
            "connections": connections,
        });
        merge(&mut value, self.totals.to_json());
        value.to_string()
    }
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for connection in &self.connections {
            writeln!(f, "{connection}")?;
        }
        for (fault, count) in &self.faults {
            writeln!(f, "fault {fault}: {count} times")?;
        }
        for text in &self.source_error_texts {
            writeln!(f, "source: {text}")?;
        }
        let Self {
            accepted,
            open,
            logins_refused,
            ..
        } = self;
        write!(f, "connections {accepted}, open {open}")?;
        for (name, count) in [
            ("logins refused", *logins_refused),
            ("events dropped", self.dropped),
            ("source errors", self.source_errors),
        ] {
            if count > 0 {
                write!(f, ", {name} {count}")?;
            }
        }
        writeln!(f, ", left in queue {}", self.left)?;
        self.totals.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut connection = ConnectionReport::new(1, ([127, 0, 0, 1], 4711).into());
        connection.account = Some("e\"".to_owned());
        connection.counts.deliver(true);
        connection.counts.deliver(false);
        connection.counts.ack();
        connection.err(ClientError::UnknownDelivery, b"{\"cmd\":\"\x1b[2J\"}");
        connection.err(ClientError::Oversize, &[b'x'; 2000]);
        connection.err(ClientError::AlreadyLoggedIn, b"{}");
        connection.err(ClientError::UnknownCommand, b"{\"my_secret\":1}");
        Report {
            totals: connection.counts,
            accepted: 1,
            left: 7,
            connections: vec![connection],
            ..Report::default()
        }
    }

    #[test]
    fn the_text_ends_with_the_totals() {
        let text = report().to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines.last(),
            Some(
                &"delivered 2, acked 1, in flight 1, redelivered 1, in flight at most 2, unknown acks 1, client errors 4"
            )
        );
        assert!(lines[0].starts_with("connection 1 from 127.0.0.1:4711: delivered 2, "));
        assert!(lines[1].contains("\\u{1b}[2J"), "{}", lines[1]);
        assert_eq!(
            Counts::default().to_string(),
            "delivered 0, acked 0, in flight 0, redelivered 0"
        );
    }

    #[test]
    fn the_json_is_json_and_keeps_no_secret() {
        let text = report().to_json();
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["delivered"], 2);
        assert_eq!(json["left"], 7);
        let connection = &json["connections"][0];
        assert_eq!(connection["account"], "e\"");
        assert_eq!(connection["ended"], Value::Null);
        let lines: Vec<_> = connection["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["line"].as_str().unwrap())
            .collect();
        assert_eq!(lines[1].len(), 512);
        assert_eq!(lines[2], lines[3]);
        assert!(!text.contains("my_secret"));
    }
}
