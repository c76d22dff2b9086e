//! A connection, with the broker's end of it.

use std::collections::VecDeque;

use noti_proto::LineBuf;
use noti_proto::server::BrokerSession;

use super::memory::Memory;
use super::pipe::Pipe;

#[derive(Debug)]
pub(super) struct Link {
    /// From the client to the broker.
    pub(super) up: Pipe,
    /// From the broker to the client.
    pub(super) down: Pipe,
    pub(super) client: usize,
    /// Something has happened to it that may end it.
    pub(super) harmed: bool,
    /// Until then, one disturbance more may end it.
    pub(super) disturbed_until: u64,
    /// The client has sent all its acks and closed in good order.
    pub(super) drained: bool,
    pub(super) client_open: bool,
    pub(super) broker_open: bool,
    pub(super) session: BrokerSession<Memory>,
    pub(super) lines: LineBuf<Vec<u8>>,
    /// When the broker answers the login.
    pub(super) answers_at: Option<u64>,
    pub(super) refuses: bool,
    pub(super) ids: Ids,
    /// Events that were sent and are not acked, in order.
    pub(super) unacked: VecDeque<u32>,
    /// Each line that was sent.
    pub(super) sent: Vec<(u32, Vec<u8>)>,
    /// Events that the client got.
    pub(super) delivered: Vec<u32>,
    /// Events whose acks the client's application has given.
    pub(super) acks_given: Vec<u32>,
    pub(super) pings: u32,
}

/// What delivery ids look like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ids {
    Counted,
    Strings,
    Longest,
    Last,
}

impl Link {
    /// Both ends are closed, or will see that they are.
    pub(super) fn is_over(&self) -> bool {
        !self.client_open && !self.broker_open
    }

    /// Nothing that has happened to it lasts.
    pub(super) fn is_sound(&self) -> bool {
        self.client_open && self.broker_open && !self.up.black_hole && !self.down.black_hole
    }
}
