use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};

use super::request::{Head, Request, Response};

/// Connections that wait for something. One more drops the oldest, so that clients that do nothing keep nobody out.
const MAX_CONNECTIONS: usize = 16;
/// How long a connection may take from its beginning to its end.
const DEADLINE: Duration = Duration::from_secs(5);
/// How many connections are taken before the others get their turn.
const ACCEPTS_PER_TURN: usize = 64;
/// How long to wait when the system refuses a connection, as when there are too many open files.
const PAUSE: Duration = Duration::from_secs(1);

const LISTENER: Token = Token(0);
const STOP: Token = Token(1);
/// Connections have the tokens from here on.
const FIRST: usize = 2;

/// An HTTP server for short questions and answers, in one thread, with fixed bounds for connections, bytes and time.
///
/// It is our own because the small servers at hand have no such bounds: tiny_http 0.12 (of 2022) starts a thread for each
/// connection that waits, and has no timeout for any.
#[derive(Debug)]
pub(super) struct Server {
    poll: Poll,
    listener: TcpListener,
    address: SocketAddr,
    stop: Waker,
}

/// A server that runs. It stops when this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    stop: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let stop = Waker::new(poll.registry(), STOP)?;
        let mut listener = TcpListener::bind(address)?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            address: listener.local_addr()?,
            poll,
            listener,
            stop,
        })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn start(
        self,
        answer: impl Fn(&Request<'_>) -> Response + Send + 'static,
    ) -> io::Result<Running> {
        let service = Service {
            poll: self.poll,
            listener: self.listener,
            answer,
            connections: VecDeque::new(),
            next: FIRST,
            accept_at: None,
        };
        let thread = std::thread::Builder::new()
            .name("noti-metrics".into())
            .spawn(move || service.run())?;
        Ok(Running {
            stop: self.stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A thread that cannot be woken ends with the process.
        if self.stop.wake().is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

struct Service<A> {
    poll: Poll,
    listener: TcpListener,
    answer: A,
    /// The oldest first.
    connections: VecDeque<Connection>,
    next: usize,
    /// When to accept without being told that somebody waits.
    accept_at: Option<Instant>,
}

impl<A: Fn(&Request<'_>) -> Response> Service<A> {
    fn run(mut self) {
        let mut events = Events::with_capacity(MAX_CONNECTIONS + 2);
        loop {
            let oldest = self.connections.front().map(|first| first.deadline);
            let until = [oldest, self.accept_at].into_iter().flatten().min();
            // The poller rounds down to milliseconds; a deadline is not met early.
            let timeout = until.map(|until| {
                until.saturating_duration_since(Instant::now()) + Duration::from_micros(999)
            });
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    tracing::error!(%error, "metrics are served no more");
                    return;
                }
                _ => {}
            }
            let now = Instant::now();
            let mut accept = self.accept_at.is_some_and(|at| at <= now);
            for event in &events {
                match event.token() {
                    STOP => return,
                    LISTENER => accept = true,
                    token => self.advance(token),
                }
            }
            if accept {
                self.accept(now);
            }
            while let Some(first) = self.connections.front()
                && first.deadline <= now
            {
                self.connections.pop_front();
            }
        }
    }

    fn advance(&mut self, token: Token) {
        let at = self.connections.iter().position(|one| one.token == token);
        if let Some(at) = at
            && let Some(connection) = self.connections.get_mut(at)
            && connection.advance(&self.answer) == Progress::Done
        {
            self.connections.remove(at);
        }
    }

    fn accept(&mut self, now: Instant) {
        // There may be more, of which the poller would not tell again.
        self.accept_at = Some(now);
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listener.accept() {
                Ok((socket, _)) => self.take(socket, now),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        self.accept_at = None;
                        return;
                    }
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        tracing::warn!(%error, "a connection for metrics cannot be taken");
                        self.accept_at = Some(now + PAUSE);
                        return;
                    }
                },
            }
        }
    }

    /// Answers at once where the question is there already, as it mostly is; else the connection waits.
    fn take(&mut self, socket: TcpStream, now: Instant) {
        let mut connection = Connection {
            socket,
            token: Token(self.next),
            deadline: now + DEADLINE,
            request: Vec::new(),
            response: Vec::new(),
            sent: 0,
        };
        self.next = self.next.checked_add(1).unwrap_or(FIRST);
        if connection.advance(&self.answer) == Progress::Done {
            return;
        }
        let (socket, token) = (&mut connection.socket, connection.token);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(socket, token, interest) {
            tracing::warn!(%error, "a connection for metrics cannot be waited for");
            return;
        }
        if self.connections.len() >= MAX_CONNECTIONS {
            self.connections.pop_front();
        }
        self.connections.push_back(connection);
    }
}

#[derive(PartialEq, Eq)]
enum Progress {
    Waiting,
    Done,
}

/// One question and its answer.
struct Connection {
    socket: TcpStream,
    token: Token,
    deadline: Instant,
    request: Vec<u8>,
    /// Empty until the request is there.
    response: Vec<u8>,
    sent: usize,
}

impl Connection {
    fn advance(&mut self, answer: &impl Fn(&Request<'_>) -> Response) -> Progress {
        while self.response.is_empty() {
            let mut bytes = [0; 1024];
            match self.socket.read(&mut bytes) {
                Ok(0) => return Progress::Done,
                Ok(n) => self
                    .request
                    .extend_from_slice(bytes.get(..n).unwrap_or_default()),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    ErrorKind::WouldBlock => return Progress::Waiting,
                    _ => return Progress::Done,
                },
            }
            self.response = match Head::read(&self.request) {
                Head::Incomplete => continue,
                Head::Complete(request) => answer(&request).bytes(Some(&request)),
                Head::Unacceptable(response) => response.bytes(None),
            };
        }
        while let rest @ [_, ..] = self.response.get(self.sent..).unwrap_or_default() {
            match self.socket.write(rest) {
                Ok(0) => return Progress::Done,
                Ok(n) => self.sent += n,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => return Progress::Waiting,
                    _ => return Progress::Done,
                },
            }
        }
        // Whoever has gone already wants no farewell.
        let _ = self.socket.shutdown(Shutdown::Write);
        Progress::Done
    }
}
