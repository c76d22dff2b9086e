//! The client of the stories: a session, its clock, and short words for what happens to it.

use noti_proto::{
    AckToken, Config, Delivery, Event, Inline, Instant, Line, Login, Session, State, Storage,
};

pub(crate) const LOGIN: Login<'static> = Login {
    enterprise_id: "id",
    enterprise_secret: "secret",
};
pub(crate) const LOGIN_LINE: &str = concat!(
    r#"{"cmd":"enterprise_login_req","data":{"enterprise_id":"id","#,
    r#""enterprise_secret":"secret","prefetch_count":5}}"#,
    "\n"
);
pub(crate) const ACCEPTED: &str =
    r#"{"cmd":"enterprise_login_res","data":{"result":true,"msg":"ok"}}"#;
pub(crate) const REFUSED: &str =
    r#"{"cmd":"enterprise_login_res","data":{"result":false,"msg":"bad auth"}}"#;
pub(crate) const PING: &str = "{\"cmd\":\"enterprise_ping\"}\n";
pub(crate) const PONG: &str = r#"{"cmd":"enterprise_pong"}"#;

/// The lines of `spec/samples.jsonl`.
pub(crate) fn samples() -> impl Iterator<Item = &'static str> {
    include_str!("../vectors/samples.jsonl").lines()
}

/// An event with this id, as raw JSON.
pub(crate) fn push(id: &str) -> String {
    format!(r#"{{"cmd":"enterprise_event_push","delivery_id":{id},"event_type":"device_offline"}}"#)
}

/// The ack of the event with this id.
pub(crate) fn ack(id: &str) -> String {
    format!("{{\"cmd\":\"enterprise_event_ack\",\"delivery_id\":{id}}}\n")
}

pub(crate) struct Client<S = Inline<256, 5>> {
    pub(crate) session: Session<S>,
    /// Milliseconds.
    now: u64,
}

impl Client {
    /// At 0, with the default settings: 60 s to a ping, 10 s to its answer, 10 s to the login's, 30 s to a stall.
    pub(crate) fn idle() -> Self {
        Self::new(Config::default(), Inline::new())
    }

    pub(crate) fn logging_in() -> Self {
        let mut client = Self::idle();
        client.logs_in();
        client
    }

    pub(crate) fn logged_in() -> Self {
        let mut client = Self::idle();
        client.is_let_in();
        client
    }
}

impl<S: Storage> Client<S> {
    pub(crate) fn new(config: Config, storage: S) -> Self {
        Self {
            session: Session::new(config, storage).unwrap(),
            now: 0,
        }
    }

    /// The clock shows `millis`; nobody has told the session yet.
    pub(crate) fn at(&mut self, millis: u64) -> &mut Self {
        self.now = millis;
        self
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    pub(crate) fn connects(&mut self) {
        self.session.connected(self.now(), &LOGIN).unwrap();
    }

    pub(crate) fn logs_in(&mut self) {
        self.connects();
        assert!(self.sends().contains("enterprise_login_req"));
    }

    pub(crate) fn is_let_in(&mut self) {
        self.logs_in();
        assert!(matches!(self.reads(ACCEPTED), Some(Event::LoggedIn)));
    }

    pub(crate) fn disconnects(&mut self) {
        self.session.disconnected(self.now());
    }

    pub(crate) fn reads<'l>(&mut self, line: &'l (impl AsRef<[u8]> + ?Sized)) -> Option<Event<'l>> {
        let now = self.now();
        self.session.handle_line(now, Line::whole(line.as_ref()))
    }

    pub(crate) fn reads_delivery<'l>(&mut self, line: &'l str) -> Delivery<'l> {
        match self.reads(line) {
            Some(Event::Delivery(delivery)) => delivery,
            other => panic!("a delivery, not {other:?}"),
        }
    }

    /// An event with this id arrives.
    pub(crate) fn gets(&mut self, id: &str) -> AckToken {
        self.reads_delivery(&push(id)).token()
    }

    /// Whatever is there is sent, one buffer after another.
    pub(crate) fn sends(&mut self) -> String {
        let mut sent = String::new();
        while let Some(bytes) = self.sends_at_most(usize::MAX) {
            sent += &bytes;
        }
        sent
    }

    /// The transport takes `n` bytes, if there are so many.
    pub(crate) fn sends_at_most(&mut self, n: usize) -> Option<String> {
        let now = self.now();
        let bytes = self.session.poll_transmit(now);
        let taken = bytes.get(..n).unwrap_or(bytes).to_vec();
        self.session.transmitted(now, taken.len());
        (!taken.is_empty()).then(|| String::from_utf8(taken).unwrap())
    }

    pub(crate) fn acks(&mut self, token: AckToken) {
        self.session.ack(token).unwrap();
    }

    pub(crate) fn times_out(&mut self) {
        let now = self.now();
        self.session.handle_timeout(now);
        assert!(self.deadline().is_none_or(|at| at > self.now));
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        self.session.poll_timeout().map(Instant::as_millis)
    }

    pub(crate) fn state(&self) -> State {
        self.session.state()
    }
}
