//! A gateway with a UART: logs in, decodes every event, acks it, pings when it is quiet, and logs in anew when the link
//! is gone. It ends when the broker says so, and reports what it counted.
//!
//! A serial line has no connections. Here the other end is a bridge to TCP: when its connection is cut it opens another,
//! and the UART notices nothing. The client finds out by an unanswered ping (clause H3), or when the new connection
//! does not know its login (clause E2). Then it waits until the line is quiet, as one does before talking to a modem,
//! and logs in.
#![no_std]
#![no_main]

use core::time::Duration;

use image::stack;
use image::uart::{Overrun, Uart};
use image::{clock, report};
use noti_proto::driver::{Driver, DriverError};
use noti_proto::{
    AckToken, CloseReason, Config, Delivery, Event, Inline, Instant, LineBuf, Login, Payload,
    Session,
};

const QUIET: Duration = Duration::from_millis(100);

type Client = Session<Inline<256, 5>>;
type Link<'c> = Driver<'c, Inline<256, 5>, [u8; 1024], fn() -> Instant>;

/// What the products of this gateway report.
#[derive(serde::Deserialize)]
struct Fan {
    power: bool,
    speed: u8,
    mode: heapless::String<16>,
}

#[derive(Default)]
struct Counts {
    delivered: usize,
    acked: usize,
    reconnects: usize,
    oversize: usize,
    malformed: usize,
    pongs: usize,
    missed_pongs: usize,
    undecoded: usize,
    /// Sums over all that was decoded: the broker knows what they must be.
    speeds: usize,
    frame_bytes: usize,
    over: bool,
}

#[cortex_m_rt::entry]
fn main() -> ! {
    stack::paint();
    if let Some(core) = cortex_m::Peripherals::take() {
        clock::start(core.SYST);
    }
    let mut uart = Uart::start();

    let mut config = Config::default();
    config.ping_interval = Duration::from_millis(500);
    // Far above what a busy host machine takes to answer.
    config.pong_timeout = Duration::from_secs(5);
    config.login_timeout = Duration::from_secs(5);
    let mut lines = LineBuf::new([0; 1024]);
    let Ok(mut session) = Client::new(config, Inline::new()) else {
        report::fail()
    };
    let login = Login {
        enterprise_id: "gateway",
        enterprise_secret: "not so secret",
    };
    let mut counts = Counts::default();
    loop {
        wait_until_quiet(&mut uart);
        let clock: fn() -> Instant = clock::now;
        let Ok(mut driver) = Driver::login(&mut session, &mut lines, clock, &login) else {
            report::fail()
        };
        match serve(&mut driver, &mut uart, &mut counts) {
            None => finish(&counts, stack::top() - stack::lowest_touched()),
            Some(DriverError::Closed(CloseReason::PongTimeout)) => counts.missed_pongs += 1,
            Some(_) => {}
        }
        counts.reconnects += 1;
    }
}

/// Until the connection is over; `None` when the broker has nothing more to test.
fn serve(
    driver: &mut Link<'_>,
    uart: &mut Uart,
    counts: &mut Counts,
) -> Option<DriverError<Overrun>> {
    loop {
        let moved = driver.poll(uart, |event, session| counts.handle(&event, session));
        match moved {
            Ok(true) => {}
            Ok(false) if counts.over && driver.session().unsent() == 0 => return None,
            // A byte or the next millisecond ends it; a deadline is a whole number of them.
            Ok(false) => cortex_m::asm::wfi(),
            Err(error) => return Some(error),
        }
    }
}

fn wait_until_quiet(uart: &mut Uart) {
    let mut since = clock::now();
    while clock::now().saturating_duration_since(since) < QUIET {
        if uart.discard() {
            since = clock::now();
        }
        cortex_m::asm::wfi();
    }
}

impl Counts {
    fn handle(&mut self, event: &Event<'_>, session: &mut Client) {
        match event {
            Event::Delivery(delivery) => {
                self.delivered += 1;
                if self.decode(delivery).is_none() {
                    self.undecoded += 1;
                }
                self.ack(session, delivery.token());
            }
            Event::OversizeEnd { token, .. } => {
                self.oversize += 1;
                self.ack_if_any(session, *token);
            }
            Event::Malformed { token, .. } => {
                self.malformed += 1;
                self.ack_if_any(session, *token);
            }
            Event::Pong => self.pongs += 1,
            _ => {}
        }
    }

    fn ack_if_any(&mut self, session: &mut Client, token: Option<AckToken>) {
        if let Some(token) = token {
            self.delivered += 1;
            self.ack(session, token);
        }
    }

    fn ack(&mut self, session: &mut Client, token: AckToken) {
        if session.ack(token).is_ok() {
            self.acked += 1;
        }
    }

    fn decode(&mut self, delivery: &Delivery<'_>) -> Option<()> {
        match delivery.payload() {
            Payload::DeviceStatusKv(status) => {
                let fan: Fan = status.deserialize(&mut [0; 32]).ok()?;
                if fan.power && fan.mode == "睡眠" {
                    self.speeds += usize::from(fan.speed);
                }
            }
            Payload::DeviceStatusRaw(status) => {
                let mut frame = [0; 64];
                let frame = status.decode_into(&mut frame).ok()?;
                self.frame_bytes += frame.iter().copied().map(usize::from).sum::<usize>();
            }
            Payload::AttrFault(change) | Payload::AttrAlert(change) => {
                change.raised().ok()?;
                delivery.event_id().ok()?.as_plain()?;
            }
            Payload::DeviceOnline(online) => drop(online.city().ok()?.as_plain()?),
            Payload::DeviceOffline => drop(delivery.created_at().ok()?),
            _ => self.over |= delivery.member("over")?.as_bool()?,
        }
        Some(())
    }
}

fn finish(counts: &Counts, stack: usize) -> ! {
    report::text("client:");
    report::value("delivered", counts.delivered);
    report::value("acked", counts.acked);
    report::value("reconnects", counts.reconnects);
    report::value("oversize", counts.oversize);
    report::value("malformed", counts.malformed);
    report::value("pings", counts.pongs + counts.missed_pongs);
    report::value("missed_pongs", counts.missed_pongs);
    report::value("undecoded", counts.undecoded);
    report::value("speeds", counts.speeds);
    report::value("frame_bytes", counts.frame_bytes);
    report::value("stack", stack);
    report::text("\n");
    report::succeed()
}
