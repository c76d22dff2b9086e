//! Says what the core takes of this chip's memory: the sizes of its types, and how deep the stack goes.
#![no_std]
#![no_main]

use core::convert::Infallible;

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use image::{report, stack};
use noti_proto::driver::Driver;
use noti_proto::{Config, Event, Inline, Instant, Line, LineBuf, Login, Payload, Session, Slot};

const LOGIN: Login<'static> = Login {
    enterprise_id: "gateway",
    enterprise_secret: "not \"so\" secret",
};

const ACCEPTED: &[u8] = br#"{"cmd":"enterprise_login_res","data":{"result":true,"msg":"ok"}}"#;

/// A line for each way through the parser, the deepest ones too.
const LINES: [&[u8]; 12] = [
    br#"{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"device_status_kv","product_key":"p","did":"d","mac":"virtual:site","group_id":"","created_at":1.49984374779399991035e+09,"data":{"power":true,"speed":3,"mode":"\u7761\u7720","list":[[{}],{"deep":[[[[]]]]}]}}"#,
    br#"{"cmd":"enterprise_event_push","delivery_id":"2","event_type":"device_status_raw","created_at":1466000000.123,"data":{"raw":"AAAAAwcAAJEEAQID"}}"#,
    br#"{"c\u006dd":"enterprise_event_pus\u0068","\u0064elivery_id":3,"event_type":"attr_\u0066ault","event_id":"1","data":{"attr_name":"a","value":1}}"#,
    br#"{"cmd":"enterprise_event_push","delivery_id":4,"event_type":"device_status_kv","data":}"#,
    br#"{"cmd":"enterprise_event_push","delivery_id":5,"delivery_id":5}"#,
    b"{\"cmd\":\"enterprise_event_push\",\"delivery_id\":6,\"event_type\":\"\xe4\xbc\"}",
    br#"{"cmd":"enterprise_login_res","data":{"result":1}}"#,
    br#"{"cmd":"enterprise_pong"}"#,
    br#"{"cmd":"invalid_msg","msg":"\u4e0d\u5bf9","error_code":4009}"#,
    br#"{"cmd":"other"}"#,
    b"No Heartbeat!",
    b" \t",
];

/// Endings of the connection, each on one of its own.
const ENDINGS: [&[u8]; 3] = [
    br#"{"cmd":"enterprise_login_res","data":{"result":false,"msg":"no"}}"#,
    br#"{"cmd":"invalid_msg","msg":"","error_code":4001}"#,
    br#"{"cmd":"invalid_msg","msg":"","error_code":4000}"#,
];

#[cortex_m_rt::entry]
fn main() -> ! {
    sizes();
    report::text("\nWorst stack in bytes, Driver::poll with the session's calls\n");
    report::text(
        "| window | Session::handle_line | Driver::poll, 512 B to receive | 1 KiB | 4 KiB |\n",
    );
    report::text("|---|---|---|---|---|\n");
    depths::<1>();
    depths::<5>();
    depths::<50>();
    report::text("\nWorst stack in bytes, of other calls\n| call | bytes |\n|---|---|\n");
    row("Session, any other", other_depth());
    row("KvStatus::deserialize", deserialize_depth());
    report::succeed()
}

fn row(name: &str, bytes: usize) {
    report::text("| ");
    report::text(name);
    report::text(" | ");
    report::number(bytes);
    report::text(" |\n");
}

/// The session and the receive buffer with their memory, for each receive buffer and window. With 256 bytes to transmit.
fn sizes() {
    fn table<const WINDOW: usize>() {
        let session = size_of::<Session<Inline<256, WINDOW>>>();
        report::text("| ");
        report::number(WINDOW);
        for lines in [
            size_of::<LineBuf<[u8; 512]>>(),
            size_of::<LineBuf<[u8; 1024]>>(),
            size_of::<LineBuf<[u8; 4096]>>(),
        ] {
            report::text(" | ");
            report::number(session + lines);
        }
        report::text(" | ");
        report::number(session);
        report::text(" |\n");
        // The budget: the transmit buffer, 48 bytes for each slot, and 128.
        if session > 256 + 48 * WINDOW + 128 || size_of::<Slot>() != 48 {
            report::text("the session takes more memory than it may\n");
            report::fail();
        }
    }

    report::text("RAM in bytes, with 256 bytes to transmit\n");
    report::text(
        "| window | 512 B to receive | 1 KiB | 4 KiB | session alone |\n|---|---|---|---|---|\n",
    );
    table::<1>();
    table::<5>();
    table::<50>();
}

/// The session and the driver with each receive buffer.
fn depths<const WINDOW: usize>() {
    report::text("| ");
    report::number(WINDOW);
    for depth in [
        handle_line_depth::<WINDOW>(),
        driver_depth::<512, WINDOW>(),
        driver_depth::<1024, WINDOW>(),
        driver_depth::<4096, WINDOW>(),
    ] {
        report::text(" | ");
        report::number(depth);
        // The budget.
        if depth > 768 {
            report::text(" is more stack than it may take\n");
            report::fail();
        }
    }
    report::text(" |\n");
}

type Client<const WINDOW: usize = 5> = Session<Inline<256, WINDOW>>;

/// A session that is logged in.
fn client<const WINDOW: usize>() -> Client<WINDOW> {
    let mut config = Config::default();
    config.prefetch = config.prefetch.min(WINDOW as u16);
    let Ok(mut session) = Client::new(config, Inline::new()) else {
        report::fail()
    };
    connect(&mut session);
    session
}

fn connect<const WINDOW: usize>(session: &mut Client<WINDOW>) {
    if session.connected(Instant::ZERO, &LOGIN).is_err() {
        report::fail();
    }
    session.transmitted(Instant::ZERO, usize::MAX);
    let _ = session.handle_line(Instant::ZERO, Line::whole(ACCEPTED));
}

#[inline(never)]
fn handle_line_depth<const WINDOW: usize>() -> usize {
    let mut worst = 0;
    let mut session = client::<WINDOW>();
    for line in LINES.iter().chain(&ENDINGS) {
        let session = &mut session;
        connect(session);
        let depth = stack::depth_of(|| {
            core::hint::black_box(session.handle_line(Instant::ZERO, Line::whole(line)));
        });
        worst = worst.max(depth);
    }
    // In parts.
    connect(&mut session);
    let mut lines = LineBuf::new([0; 64]);
    for line in LINES {
        for byte in line.iter().chain(b"\n") {
            if let Some(place) = lines.spare().first_mut() {
                *place = *byte;
            }
            lines.commit(1);
            while let Some(line) = lines.next_line() {
                let session = &mut session;
                let depth = stack::depth_of(|| {
                    core::hint::black_box(session.handle_line(Instant::ZERO, line));
                });
                worst = worst.max(depth);
            }
        }
        connect(&mut session);
    }
    worst
}

fn other_depth() -> usize {
    let mut session: Client = client();
    let push = LINES.first().copied().unwrap_or_default();
    let token = match session.handle_line(Instant::ZERO, Line::whole(push)) {
        Some(Event::Delivery(delivery)) => delivery.token(),
        _ => report::fail(),
    };
    stack::depth_of(|| {
        let session = &mut session;
        let late = Instant::from_millis(1_000_000);
        let _ = core::hint::black_box(session.ack(token));
        let length = core::hint::black_box(session.poll_transmit(Instant::ZERO)).len();
        session.transmitted(Instant::ZERO, length);
        session.handle_timeout(late);
        let length = core::hint::black_box(session.poll_transmit(late)).len();
        session.transmitted(late, length);
        core::hint::black_box(session.poll_timeout());
        session.disconnected(late);
        let _ = core::hint::black_box(session.connected(late, &LOGIN));
    })
}

#[inline(never)]
fn driver_depth<const RECEIVE: usize, const WINDOW: usize>() -> usize {
    let mut session = client::<WINDOW>();
    let mut lines = LineBuf::new([0; RECEIVE]);
    let mut worst = 0;
    let mut memory = Memory(&[]);
    let clock: fn() -> Instant = || Instant::ZERO;
    let Ok(mut driver) = Driver::login(&mut session, &mut lines, clock, &LOGIN) else {
        report::fail()
    };
    for line in [ACCEPTED].iter().chain(&LINES) {
        for piece in [line, &b"\n"[..]] {
            memory.0 = piece;
            let (driver, memory) = (&mut driver, &mut memory);
            let depth = stack::depth_of(|| {
                while let Ok(true) = driver.poll(memory, |event, session| {
                    let token = match &event {
                        Event::Delivery(delivery) => Some(delivery.token()),
                        Event::Malformed { token, .. } | Event::OversizeEnd { token, .. } => *token,
                        _ => None,
                    };
                    let _ = token.map(|token| session.ack(token));
                    core::hint::black_box(&event);
                }) {}
            });
            worst = worst.max(depth);
        }
    }
    worst
}

fn deserialize_depth() -> usize {
    #[derive(serde::Deserialize)]
    struct Fan {
        power: bool,
        speed: u8,
        mode: heapless::String<16>,
    }

    let mut session: Client = client();
    let push = LINES.first().copied().unwrap_or_default();
    let status = match session.handle_line(Instant::ZERO, Line::whole(push)) {
        Some(Event::Delivery(delivery)) => delivery.payload(),
        _ => report::fail(),
    };
    let Payload::DeviceStatusKv(status) = status else {
        report::fail()
    };
    stack::depth_of(|| {
        let Ok(fan) = status.deserialize::<Fan>(&mut [0; 32]) else {
            report::fail()
        };
        core::hint::black_box((fan.power, fan.speed, fan.mode));
    })
}

/// A transport without hardware: what it reads is given, what it writes is gone.
struct Memory(&'static [u8]);

impl ErrorType for Memory {
    type Error = Infallible;
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let mut length = 0;
        for (place, byte) in buffer.iter_mut().zip(self.0) {
            *place = *byte;
            length += 1;
        }
        self.0 = self.0.get(length..).unwrap_or_default();
        Ok(length)
    }
}

impl ReadReady for Memory {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(!self.0.is_empty())
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl WriteReady for Memory {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok(true)
    }
}
