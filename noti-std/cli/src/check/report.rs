use std::fmt::Display;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::exit::Exit;

/// What is done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Dns,
    Tcp,
    Tls,
    Login,
    Ping,
}

impl Step {
    const ALL: [Self; 5] = [Self::Dns, Self::Tcp, Self::Tls, Self::Login, Self::Ping];

    const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Login => "login",
            Self::Ping => "ping",
        }
    }
}

/// A step that went well: what comes of it, a line about it for people, and its facts for programs.
#[derive(Debug)]
pub(super) struct Passed<T> {
    value: T,
    text: String,
    facts: Value,
}

impl<T> Passed<T> {
    pub(super) fn new(value: T, text: impl Into<String>, facts: Value) -> Self {
        Self {
            value,
            text: text.into(),
            facts,
        }
    }
}

/// A step that went wrong.
#[derive(Debug)]
pub(super) struct Failure {
    exit: fn(String) -> Exit,
    kind: &'static str,
    error: String,
    advice: Vec<String>,
}

impl Failure {
    /// The network or TLS. The kind is one word, for programs.
    pub(super) fn unavailable(kind: &'static str, error: impl Display) -> Self {
        Self::new(Exit::unavailable, kind, error)
    }

    pub(super) fn refused(error: impl Display) -> Self {
        Self::new(Exit::refused, "login_refused", error)
    }

    pub(super) fn usage(error: impl Display) -> Self {
        Self::new(Exit::usage, "usage", error)
    }

    fn new(exit: fn(String) -> Exit, kind: &'static str, error: impl Display) -> Self {
        Self {
            exit,
            kind,
            error: error.to_string(),
            advice: Vec::new(),
        }
    }

    /// Adds likely causes and what to do about them, the likeliest first.
    pub(super) fn advise(mut self, advice: impl IntoIterator<Item = String>) -> Self {
        self.advice.extend(advice);
        self
    }
}

/// A step failed, so no further one is taken.
#[derive(Debug)]
pub(super) struct Stopped;

/// Tells how the steps went: each as it happens, or all at the end in JSON.
pub(super) struct Report {
    json: bool,
    host: String,
    port: u16,
    steps: Vec<Value>,
    exit: Option<Exit>,
    events: Option<u64>,
    /// Whether all could be printed.
    printed: io::Result<()>,
}

impl Report {
    pub(super) fn start(host: &str, port: u16, json: bool) -> Self {
        let mut report = Self {
            json,
            host: host.to_owned(),
            port,
            steps: Vec::new(),
            exit: None,
            events: None,
            printed: Ok(()),
        };
        report.print(&format!("checking {host}, port {port}"));
        report
    }

    pub(super) fn take<T>(
        &mut self,
        step: Step,
        action: impl FnOnce() -> Result<Passed<T>, Failure>,
    ) -> Result<T, Stopped> {
        let start = Instant::now();
        let outcome = action();
        let time = start.elapsed();
        match outcome {
            Ok(passed) => {
                self.line(step, "ok", time, &passed.text);
                self.step(step, "ok", Some(time), passed.facts);
                Ok(passed.value)
            }
            Err(failure) => {
                self.fail(step, time, failure);
                Err(Stopped)
            }
        }
    }

    fn fail(&mut self, step: Step, time: Duration, failure: Failure) {
        let Failure {
            exit,
            kind,
            error,
            advice,
        } = failure;
        self.line(step, "failed", time, &error);
        for advice in &advice {
            self.print(&format!("{:25}- {advice}", ""));
        }
        self.exit = Some(exit(format!("the check failed at {}", step.name())));
        let facts = json!({"kind": kind, "error": error, "advice": advice});
        self.step(step, "failed", Some(time), facts);
        let later = Step::ALL.iter().skip_while(|other| **other != step).skip(1);
        for step in later {
            self.print(&format!("{:6} skipped", step.name()));
            self.step(*step, "skipped", None, json!({}));
        }
    }

    /// So many events came, and were not acked.
    pub(super) fn events(&mut self, events: u64) {
        self.events = Some(events);
    }

    pub(super) fn finish(mut self) -> Exit {
        if let Some(events) = self.events {
            self.print(&format!(
                "logged in with a prefetch of 1 and acked nothing; events received: {events}{}",
                if events > 0 {
                    ", to be delivered again"
                } else {
                    ""
                }
            ));
        }
        if self.json {
            let report = json!({
                "host": self.host,
                "port": self.port,
                "passed": self.exit.is_none(),
                "steps": self.steps,
                "events_received": self.events,
                "events_acked": 0,
            });
            self.json = false;
            self.print(&report.to_string());
        }
        match (self.printed, self.exit) {
            (Err(error), _) => Exit::output(format!("the report cannot be printed: {error}")),
            (Ok(()), Some(exit)) => exit,
            (Ok(()), None) => Exit::DONE,
        }
    }

    fn line(&mut self, step: Step, result: &str, time: Duration, text: &str) {
        let (step, millis) = (step.name(), time.as_millis());
        self.print(&format!("{step:6} {result:7} {millis:5} ms  {text}"));
    }

    fn print(&mut self, line: &str) {
        if !self.json && self.printed.is_ok() {
            let mut stdout = io::stdout().lock();
            self.printed = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
        }
    }

    fn step(&mut self, step: Step, result: &str, time: Option<Duration>, facts: Value) {
        let mut entry = Map::new();
        entry.insert("step".to_owned(), step.name().into());
        entry.insert("result".to_owned(), result.into());
        if let Some(time) = time {
            entry.insert("seconds".to_owned(), time.as_secs_f64().into());
        }
        if let Value::Object(facts) = facts {
            entry.extend(facts);
        }
        self.steps.push(Value::Object(entry));
    }
}
