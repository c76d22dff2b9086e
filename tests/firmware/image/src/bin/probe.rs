//! For its size alone: the image with what the features name, to be compared with the image without. It is never run.
#![no_std]
#![no_main]

use image::uart::Uart;

#[cfg(not(feature = "core"))]
#[cortex_m_rt::entry]
fn main() -> ! {
    let mut uart = Uart::start();
    loop {
        let mut bytes = [0; 64];
        let length = read(&mut uart, &mut bytes);
        show(&mut uart, bytes.get(..length).unwrap_or_default());
    }
}

#[cfg(feature = "core")]
#[cortex_m_rt::entry]
fn main() -> ! {
    use noti_proto::{Config, Inline, LineBuf, Login, Session};

    let mut uart = Uart::start();
    let mut lines = LineBuf::new([0; 1024]);
    let Ok(mut session) = Session::new(Config::default(), Inline::<256, 5>::new()) else {
        image::report::fail()
    };
    let login = Login {
        enterprise_id: "gateway",
        enterprise_secret: "not so secret",
    };
    loop {
        connection::serve(&mut session, &mut lines, &mut uart, &login);
    }
}

/// Reads without the driver.
#[cfg(not(feature = "driver"))]
#[inline(never)]
fn read(uart: &mut Uart, bytes: &mut [u8]) -> usize {
    embedded_io::Read::read(uart, bytes).unwrap_or_default()
}

/// What an application does with the bytes costs as much without the core.
#[cfg(any(feature = "typed", not(feature = "driver")))]
#[inline(never)]
fn show(uart: &mut Uart, bytes: &[u8]) {
    let _ = embedded_io::Write::write(uart, bytes);
}

#[cfg(all(feature = "core", not(feature = "driver")))]
mod connection {
    use image::clock;
    use image::uart::Uart;
    use noti_proto::{Inline, LineBuf, Login, Session, State};

    pub(crate) fn serve(
        session: &mut Session<Inline<256, 5>>,
        lines: &mut LineBuf<[u8; 1024]>,
        uart: &mut Uart,
        login: &Login<'_>,
    ) {
        lines.reset();
        if session.connected(clock::now(), login).is_err() {
            return;
        }
        while !matches!(session.state(), State::Closed(_)) {
            let length = crate::read(uart, lines.spare());
            if length == 0 {
                session.disconnected(clock::now());
            }
            lines.commit(length);
            while let Some(line) = lines.next_line() {
                if let Some(event) = session.handle_line(clock::now(), line) {
                    crate::application::handle(&event, session, uart);
                }
            }
            session.handle_timeout(clock::now());
            let bytes = session.poll_transmit(clock::now());
            crate::show(uart, bytes);
            let length = bytes.len();
            session.transmitted(clock::now(), length);
            if session.poll_timeout().is_none() {
                return;
            }
        }
    }
}

#[cfg(feature = "driver")]
mod connection {
    use image::clock;
    use image::uart::Uart;
    use noti_proto::driver::Driver;
    use noti_proto::{Inline, Instant, LineBuf, Login, Session};

    pub(crate) fn serve(
        session: &mut Session<Inline<256, 5>>,
        lines: &mut LineBuf<[u8; 1024]>,
        uart: &mut Uart,
        login: &Login<'_>,
    ) {
        let now: fn() -> Instant = clock::now;
        let Ok(mut driver) = Driver::login(session, lines, now, login) else {
            return;
        };
        let mut screen = Uart::start();
        while let Ok(moved) = driver.poll(uart, |event, session| {
            crate::application::handle(&event, session, &mut screen);
        }) {
            if !moved && driver.poll_timeout().is_none() {
                return;
            }
        }
    }
}

#[cfg(feature = "core")]
mod application {
    use image::uart::Uart;
    use noti_proto::{Event, Inline, Session};

    pub(crate) fn handle(
        event: &Event<'_>,
        session: &mut Session<Inline<256, 5>>,
        #[cfg_attr(not(feature = "typed"), expect(unused_variables))] uart: &mut Uart,
    ) {
        core::hint::black_box(event);
        let token = match event {
            Event::Delivery(delivery) => {
                #[cfg(feature = "typed")]
                decode(delivery, uart);
                Some(delivery.token())
            }
            Event::Malformed { token, .. } | Event::OversizeEnd { token, .. } => *token,
            _ => None,
        };
        if let Some(token) = token {
            let _ = session.ack(token);
        }
    }

    /// Reads a field of each kind.
    #[cfg(feature = "typed")]
    fn decode(delivery: &noti_proto::Delivery<'_>, uart: &mut Uart) {
        use noti_proto::Payload;

        if let Ok(created_at) = delivery.created_at() {
            crate::show(uart, &created_at.seconds().to_le_bytes());
        }
        match delivery.payload() {
            #[cfg(not(feature = "serde"))]
            Payload::DeviceStatusKv(status) => {
                let speed = status.get("speed").ok().and_then(|speed| speed.as_number());
                if let Some(Ok(speed)) = speed.map(|speed| speed.to_u32()) {
                    crate::show(uart, &speed.to_le_bytes());
                }
                let mode = status.get("mode").ok().and_then(|mode| mode.as_str());
                let mut text = [0; 32];
                if let Some(Ok(mode)) = mode.map(|mode| mode.decode_into(&mut text)) {
                    crate::show(uart, mode.as_bytes());
                }
            }
            #[cfg(feature = "serde")]
            Payload::DeviceStatusKv(status) => {
                if let Ok(fan) = status.deserialize::<Fan>(&mut [0; 32]) {
                    crate::show(uart, &[fan.speed, fan.power.into()]);
                    crate::show(uart, fan.mode.as_bytes());
                }
            }
            Payload::DeviceStatusRaw(status) => {
                if let Ok(frame) = status.decode_into(&mut [0; 64]) {
                    crate::show(uart, frame);
                }
            }
            Payload::AttrFault(change) => {
                if let Ok(raised) = change.raised() {
                    crate::show(uart, &[raised.into()]);
                }
            }
            _ => {}
        }
    }

    #[cfg(feature = "serde")]
    #[derive(serde::Deserialize)]
    struct Fan {
        power: bool,
        speed: u8,
        mode: heapless::String<16>,
    }
}
