//! What a source is told to be: where its events come from, how many, and how fast.

use std::fmt;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;

use crate::body::Body;
use crate::error::BrokerError;
use crate::generate::{Generator, GeneratorConfig, GeneratorConfigError};

/// Where the events of an account come from, how many there are, and how fast they come.
///
/// Without a pace they come as fast as the clients' windows take them; then nothing is kept in memory for clients that
/// are not there. With one they come when they are due, and wait in the account's queue.
///
/// ```
/// use noti_broker::{GeneratorConfig, Source};
///
/// let source = Source::generate(GeneratorConfig::default())?.count(1000).rate(50.0);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Source {
    pub(super) kind: Kind,
    pub(super) count: Option<u64>,
    pub(super) pace: Pace,
}

pub(super) enum Kind {
    Bodies(Box<dyn Iterator<Item = Arc<Body>> + Send>),
    Lines(Box<dyn BufRead + Send>),
    File(PathBuf),
}

/// When events come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// As soon as a window takes them.
    Windows,
    /// So many a second.
    Rate(f64),
    /// As far apart as their `created_at`, divided by this.
    Replay(f64),
}

impl Source {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            count: None,
            pace: Pace::Windows,
        }
    }

    /// Simulated devices, without end.
    ///
    /// # Errors
    /// A field of `config` is out of its range.
    pub fn generate(config: GeneratorConfig) -> Result<Self, GeneratorConfigError> {
        Ok(Self::bodies(Generator::new(config)?))
    }

    /// Any bodies. The iterator is called by the broker's own thread: it must not block, as a reader of a pipe would.
    pub fn bodies<I>(bodies: I) -> Self
    where
        I: IntoIterator<Item = Body>,
        I::IntoIter: Send + 'static,
    {
        Self::new(Kind::Bodies(Box::new(bodies.into_iter().map(Arc::new))))
    }

    /// The same bodies again and again, without end, made once: the cheapest source there is.
    pub fn cycle(bodies: impl IntoIterator<Item = Body>) -> Self {
        let bodies: Vec<_> = bodies.into_iter().map(Arc::new).collect();
        Self::new(Kind::Bodies(Box::new(bodies.into_iter().cycle())))
    }

    /// Events as JSON lines. They are read on a thread of their own, a thousand lines ahead at most; lines that are no
    /// events are left out, and told in the report.
    pub fn lines(reader: impl BufRead + Send + 'static) -> Self {
        Self::new(Kind::Lines(Box::new(reader)))
    }

    /// A file of JSON lines, opened when the broker starts.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(Kind::File(path.into()))
    }

    /// At most so many events.
    #[must_use]
    pub fn count(self, count: u64) -> Self {
        Self {
            count: Some(count),
            ..self
        }
    }

    /// So many events a second: above 0, at most 10 million.
    #[must_use]
    pub fn rate(self, per_second: f64) -> Self {
        Self {
            pace: Pace::Rate(per_second),
            ..self
        }
    }

    /// Events come as far apart as their `created_at` says, divided by `speed`: 1 is as it was, 60 an hour in a minute.
    /// Events without a readable `created_at`, or with one that lies before that of the event ahead of them, come at
    /// once.
    #[must_use]
    pub fn replay(self, speed: f64) -> Self {
        Self {
            pace: Pace::Replay(speed),
            ..self
        }
    }

    /// Whether its pace is one that can be kept.
    pub(super) fn check(&self) -> Result<(), BrokerError> {
        let reason = match self.pace {
            Pace::Rate(rate) if !(rate > 0.0 && rate <= 1e7) => {
                "the rate of events must be above 0 and at most 10 million a second"
            }
            Pace::Replay(speed) if !(speed > 0.0 && speed <= 1e9) => {
                "the speed of a replay must be above 0 and at most a billion"
            }
            _ => return Ok(()),
        };
        Err(BrokerError::Setting { reason })
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Bodies(_) => "bodies",
            Kind::Lines(_) => "lines",
            Kind::File(_) => "file",
        };
        f.debug_struct("Source")
            .field("kind", &kind)
            .field("count", &self.count)
            .field("pace", &self.pace)
            .finish()
    }
}
