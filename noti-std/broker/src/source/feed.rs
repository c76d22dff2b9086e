//! A source at work.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use noti_proto::json::JsonValue;

use super::origin::{Kind, Pace, Source};
use crate::body::{Body, read_bodies};
use crate::error::BrokerError;
use crate::wake::Wake;

/// Lines that are read ahead.
const AHEAD: usize = 1000;

/// Errors of a source that are kept word by word.
const ERRORS: usize = 10;

/// What a source has now.
pub(crate) enum Next {
    /// An event.
    Body(Arc<Body>),
    /// Nothing before this time.
    At(Duration),
    /// Nothing until its thread has read more, and woken the broker.
    Waiting,
    /// Nothing any more.
    Finished,
}

/// A source that has started. Time counts from the broker's start.
pub(crate) struct Feed {
    bodies: Bodies,
    left: Option<u64>,
    pace: Pace,
    /// When the first event came, and what its `created_at` was.
    first: Option<(Duration, f64)>,
    given: u64,
    /// An event that is not due yet.
    held: Option<(Duration, Arc<Body>)>,
    errors: u64,
    error_texts: Vec<String>,
}

enum Bodies {
    Ready(Box<dyn Iterator<Item = Arc<Body>> + Send>),
    Read(Receiver<Result<Body, String>>),
    None,
}

impl Feed {
    pub(crate) fn start(source: Option<Source>, wake: &Arc<Wake>) -> Result<Self, BrokerError> {
        let (bodies, left, pace) = match source {
            None => (Bodies::None, None, Pace::Windows),
            Some(source) => {
                source.check()?;
                let bodies = match source.kind {
                    Kind::Bodies(bodies) => Bodies::Ready(bodies),
                    Kind::Lines(reader) => read(reader, wake)?,
                    Kind::File(path) => {
                        let file = File::open(&path).map_err(|source| BrokerError::Events {
                            path: path.display().to_string(),
                            source,
                        })?;
                        read(Box::new(BufReader::new(file)), wake)?
                    }
                };
                (bodies, source.count, source.pace)
            }
        };
        Ok(Self {
            bodies,
            left,
            pace,
            first: None,
            given: 0,
            held: None,
            errors: 0,
            error_texts: Vec::new(),
        })
    }

    /// Whether events come only when a window takes them.
    pub(crate) fn follows_windows(&self) -> bool {
        self.pace == Pace::Windows
    }

    /// Lines that were no events, and what the first of them were.
    pub(crate) fn errors(&self) -> (u64, &[String]) {
        (self.errors, &self.error_texts)
    }

    /// The next event, if it is due.
    pub(crate) fn next(&mut self, now: Duration) -> Next {
        if let Pace::Rate(rate) = self.pace {
            let (start, _) = *self.first.get_or_insert((now, 0.0));
            // A time too far away to count is as good as any other far away.
            let due = Duration::try_from_secs_f64(self.given as f64 / rate)
                .map_or(Duration::MAX, |since| start.saturating_add(since));
            if due > now {
                return match self.is_finished() {
                    true => Next::Finished,
                    false => Next::At(due),
                };
            }
        }
        let (due, body) = match self.held.take() {
            Some(held) => held,
            None => match self.take() {
                Ok(body) => (self.due(now, &body), body),
                Err(other) => return other,
            },
        };
        if due > now {
            self.held = Some((due, body));
            return Next::At(due);
        }
        self.given += 1;
        Next::Body(body)
    }

    /// Whether it is known that nothing will come any more.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.bodies, Bodies::None) && self.held.is_none()
    }

    /// Finds out whether there is more, without waiting for a window or a time.
    pub(crate) fn look_ahead(&mut self, now: Duration) -> bool {
        if self.held.is_none()
            && let Ok(body) = self.take()
        {
            let due = match self.pace {
                // The event's own turn has come once those before it have had theirs.
                Pace::Rate(_) | Pace::Windows => Duration::ZERO,
                Pace::Replay(_) => self.due(now, &body),
            };
            self.held = Some((due, body));
        }
        !self.is_finished()
    }

    fn take(&mut self) -> Result<Arc<Body>, Next> {
        loop {
            if self.left == Some(0) {
                self.bodies = Bodies::None;
            }
            let body = match &mut self.bodies {
                Bodies::None => None,
                Bodies::Ready(bodies) => bodies.next(),
                Bodies::Read(lines) => match lines.try_recv() {
                    Ok(Ok(body)) => Some(Arc::new(body)),
                    Ok(Err(text)) => {
                        self.errors += 1;
                        if self.error_texts.len() < ERRORS {
                            self.error_texts.push(text);
                        }
                        continue;
                    }
                    Err(TryRecvError::Empty) => return Err(Next::Waiting),
                    Err(TryRecvError::Disconnected) => None,
                },
            };
            let Some(body) = body else {
                self.bodies = Bodies::None;
                return Err(Next::Finished);
            };
            self.left = self.left.map(|left| left - 1);
            if self.left == Some(0) {
                self.bodies = Bodies::None;
            }
            return Ok(body);
        }
    }

    fn due(&mut self, now: Duration, body: &Body) -> Duration {
        let Pace::Replay(speed) = self.pace else {
            return now;
        };
        let Some(created_at) = created_at(body) else {
            return now;
        };
        let (start, first) = *self.first.get_or_insert((now, created_at));
        Duration::try_from_secs_f64((created_at - first) / speed)
            .map_or(now, |since| start.saturating_add(since))
    }
}

fn created_at(body: &Body) -> Option<f64> {
    let body = JsonValue::parse(body.as_str().as_bytes()).ok()?;
    body.member("created_at")?.as_number()?.to_f64().ok()
}

/// Reads on a thread of its own, since a read may block. It ends with the source; when the broker ends first, at the
/// next line.
fn read(reader: Box<dyn BufRead + Send>, wake: &Arc<Wake>) -> Result<Bodies, BrokerError> {
    let (to_broker, lines) = sync_channel(AHEAD);
    let wake = wake.clone();
    let work = move || {
        // Wakes the broker also at the end, after the channel is closed.
        let mut reading = Reading {
            to_broker: Some(to_broker),
            wake,
        };
        for body in read_bodies(reader) {
            if !reading.give(body.map_err(|error| error.to_string())) {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("noti-broker-events".to_owned())
        .spawn(work)
        .map_err(|source| BrokerError::System {
            what: "thread to read events",
            source,
        })?;
    Ok(Bodies::Read(lines))
}

struct Reading {
    to_broker: Option<std::sync::mpsc::SyncSender<Result<Body, String>>>,
    wake: Arc<Wake>,
}

impl Reading {
    /// `false` when nobody listens any more.
    fn give(&mut self, body: Result<Body, String>) -> bool {
        let given = self
            .to_broker
            .as_ref()
            .is_some_and(|to_broker| to_broker.send(body).is_ok());
        self.wake.wake();
        given
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.to_broker = None;
        self.wake.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: Duration = Duration::ZERO;

    fn wake() -> Arc<Wake> {
        let poll = mio::Poll::new().unwrap();
        Arc::new(Wake::new(
            mio::Waker::new(poll.registry(), mio::Token(0)).unwrap(),
        ))
    }

    fn start(source: Source) -> Feed {
        Feed::start(Some(source), &wake()).unwrap()
    }

    fn bodies(texts: &[&str]) -> Vec<Body> {
        texts
            .iter()
            .map(|text| Body::parse(text).unwrap())
            .collect()
    }

    /// What is due at a time, and what comes after it.
    fn due(feed: &mut Feed, now: Duration) -> (Vec<String>, Next) {
        let mut found = Vec::new();
        loop {
            match feed.next(now) {
                Next::Body(body) => found.push(body.as_str().to_owned()),
                other => return (found, other),
            }
        }
    }

    #[test]
    fn a_rate_is_kept_by_deadlines() {
        let mut feed = start(Source::cycle(bodies(&["{}"])).rate(1000.0).count(5));
        let at = Duration::from_micros;
        // The first call begins the count.
        for (now, count, then) in [(500, 1, 1500), (1499, 0, 1500), (3500, 3, 4500)] {
            let (found, next) = due(&mut feed, at(now));
            assert_eq!(found.len(), count, "at {now}");
            assert!(
                matches!(next, Next::At(time) if time == at(then)),
                "at {now}"
            );
        }
        let (found, next) = due(&mut feed, at(1_000_000));
        assert_eq!(found.len(), 1);
        assert!(matches!(next, Next::Finished) && feed.is_finished());
    }

    #[test]
    fn a_replay_keeps_the_distances() {
        let texts = [
            r#"{"created_at":1.499e9}"#,
            r#"{"created_at":1499000010.5}"#,
            r#"{"created_at":1499000001}"#,
            r#"{"created_at":null}"#,
            r#"{"created_at":1499000020}"#,
        ];
        let mut feed = start(Source::bodies(bodies(&texts)).replay(10.0));
        let (found, next) = due(&mut feed, Duration::from_secs(100));
        assert_eq!(found, texts[..1]);
        assert!(matches!(next, Next::At(time) if time == Duration::from_millis(101_050)));
        let (found, next) = due(&mut feed, Duration::from_millis(101_050));
        assert_eq!(found, texts[1..4]);
        assert!(matches!(next, Next::At(time) if time == Duration::from_secs(102)));
        assert!(!feed.is_finished());
        assert_eq!(due(&mut feed, Duration::from_secs(102)).0, texts[4..]);
        assert!(feed.is_finished());
    }

    #[test]
    fn lines_are_read_until_the_end() {
        let mut feed = start(Source::lines(&b"{\"a\":1}\nnonsense\n{\"b\":2}"[..]));
        let mut found = Vec::new();
        while !feed.is_finished() {
            found.extend(due(&mut feed, ZERO).0);
            thread::yield_now();
        }
        assert_eq!(found, [r#"{"a":1}"#, r#"{"b":2}"#]);
        let (errors, texts) = feed.errors();
        assert_eq!(errors, 1);
        assert!(texts[0].starts_with("line 2, "), "{}", texts[0]);
    }

    #[test]
    fn a_count_of_none_is_none() {
        let mut feed = start(Source::cycle(bodies(&["{}"])).count(0));
        assert!(matches!(feed.next(ZERO), Next::Finished));
        assert!(matches!(
            Feed::start(None, &wake()).unwrap().next(ZERO),
            Next::Finished
        ));
        let empty = Source::cycle([]);
        assert!(matches!(start(empty).next(ZERO), Next::Finished));
    }

    #[test]
    fn a_pace_without_sense_is_refused() {
        for source in [
            Source::cycle([]).rate(0.0),
            Source::cycle([]).rate(f64::NAN),
            Source::cycle([]).rate(1e8),
            Source::cycle([]).replay(-1.0),
            Source::cycle([]).replay(f64::INFINITY),
        ] {
            let error = Feed::start(Some(source), &wake()).err().unwrap();
            assert!(matches!(error, BrokerError::Setting { .. }), "{error}");
        }
        let error = Feed::start(Some(Source::file("/no/such/events")), &wake())
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.starts_with("the file of events /no/such/events cannot be opened: "),
            "{error}"
        );
    }
}
