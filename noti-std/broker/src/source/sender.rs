//! Events from the program that runs the broker.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

use crate::body::Body;
use crate::wake::Wake;

/// Events on their way to the broker's thread.
const ROOM: usize = 1024;

/// Gives events to one account of a [`Broker`](crate::Broker), from any thread. Clone it for more of them.
///
/// An account has a finite source only once all its senders are dropped.
#[derive(Clone)]
pub struct Sender {
    bodies: Option<SyncSender<Body>>,
    wake: Arc<Wake>,
}

impl Sender {
    pub(crate) fn new(wake: Arc<Wake>) -> (Self, Inlet) {
        let (bodies, inlet) = sync_channel(ROOM);
        let sender = Self {
            bodies: Some(bodies),
            wake,
        };
        (sender, Inlet(Some(inlet)))
    }

    /// Gives an event, and waits for room if there is none: when the account's backlog is full.
    ///
    /// # Errors
    /// The broker has stopped; the event comes back.
    pub fn push(&self, body: Body) -> Result<(), Stopped> {
        let Some(bodies) = &self.bodies else {
            return Err(Stopped(body));
        };
        let pushed = bodies.send(body).map_err(|error| Stopped(error.0));
        self.wake.wake();
        pushed
    }

    /// Gives an event if there is room for it now.
    ///
    /// # Errors
    /// There is no room, or the broker has stopped; the event comes back.
    pub fn try_push(&self, body: Body) -> Result<(), TryPushError> {
        let Some(bodies) = &self.bodies else {
            return Err(TryPushError::Stopped(body));
        };
        let pushed = bodies.try_send(body).map_err(|error| match error {
            TrySendError::Full(body) => TryPushError::Full(body),
            TrySendError::Disconnected(body) => TryPushError::Stopped(body),
        });
        self.wake.wake();
        pushed
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // The broker must see the end of the channel when it wakes.
        self.bodies = None;
        self.wake.wake();
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The broker's end of the senders of an account; `None` once they are all gone.
pub(crate) struct Inlet(Option<Receiver<Body>>);

impl Inlet {
    pub(crate) fn next(&mut self) -> Option<Body> {
        match self.0.as_ref()?.try_recv() {
            Ok(body) => Some(body),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.0 = None;
                None
            }
        }
    }

    /// Whether nothing can come any more. Only [`next`](Self::next) finds out.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_none()
    }
}

/// The broker has stopped: the event was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped(
    /// The event.
    pub Body,
);

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the broker has stopped and takes no more events; start another")
    }
}

impl Error for Stopped {}

/// Why an event was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TryPushError {
    /// The account's backlog is full: try again once clients have acked.
    Full(Body),
    /// The broker has stopped.
    Stopped(Body),
}

impl fmt::Display for TryPushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => {
                "the broker has no room for more events; wait until clients have acked"
            }
            Self::Stopped(_) => "the broker has stopped and takes no more events; start another",
        })
    }
}

impl Error for TryPushError {}
