//! Runs the image `client` in QEMU with its UART on a bridge to a local broker, puts it through a cut line, a silent link, an
//! oversize and a malformed event, and judges what both ends have counted. The last line has the counts and `PASS`, or says
//! what is wrong.

mod bridge;
mod events;

use std::io::Read;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use bridge::{Bridge, Tally};
use noti_broker::{Account, Body, Broker, Counts, Report};
use noti_proto::server::ClientError;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The run takes about fifteen seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// Lines with all that a client must bear and that leaves the id where it is.
const STYLE: &str = "spaces,crlf,string-ids";
/// One more event, which is no JSON behind its id.
const FAULT: &str = "malformed:after=250";
/// The prefetch of the image.
const WINDOW: u64 = 5;

fn main() -> ExitCode {
    let Some(image) = std::env::args().nth(1) else {
        eprintln!("usage: host IMAGE");
        return ExitCode::from(2);
    };
    match run(&image) {
        Ok(line) => {
            println!("{line} PASS");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("FAIL: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(image: &str) -> Result<String> {
    let broker = Broker::builder()
        .plain()
        .account(Account::new("gateway", "not so secret"))
        .style(STYLE.parse()?)
        .fault(FAULT.parse()?)
        .start()?;
    let bridge = Bridge::start(broker.address())?;
    let mut qemu = Qemu::start(image, bridge.port)?;
    tell_the_story(&broker, &bridge)?;
    let output = qemu.output()?;
    judge(&bridge.tally(), &broker.stop(), &output)
}

/// Until every event is acked.
fn tell_the_story(broker: &Broker, bridge: &Bridge) -> Result<()> {
    let push = |mut events: std::ops::Range<u32>| {
        events.try_for_each(|event| Result::Ok(broker.push(Body::parse(&events::body(event))?)?))
    };
    let wait = |wanted: &dyn Fn(&Counts) -> bool| broker.wait_until(PATIENCE, wanted);

    // Nothing more comes until it has pinged.
    push(0..200)?;
    let before = wait(&|totals| totals.acked == 200)?;
    wait(&|totals| totals.pings > before.pings)?;
    push(200..400)?;
    // With the malformed one.
    wait(&|totals| totals.acked == 401)?;
    bridge.break_at_next_event();
    push(400..700)?;
    wait(&|totals| totals.acked == 701)?;
    bridge.be_deaf();
    push(700..events::COUNT)?;
    wait(&|totals| totals.acked == u64::from(events::COUNT) + 1)?;
    Ok(())
}

/// The emulator; it dies with this value.
struct Qemu(Child);

impl Qemu {
    fn start(image: &str, port: u16) -> Result<Self> {
        let serial = format!("tcp:127.0.0.1:{port},nodelay=on,reconnect-ms=20");
        let child = Command::new("qemu-system-arm")
            .args(["-M", "lm3s6965evb", "-display", "none", "-monitor", "none"])
            .args(["-semihosting-config", "enable=on,target=native"])
            .args(["-serial", &serial, "-kernel", image])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self(child))
    }

    /// What the image has said, once it has ended itself with success.
    fn output(&mut self) -> Result<String> {
        let patience = Instant::now() + PATIENCE;
        let status = loop {
            match self.0.try_wait()? {
                Some(status) => break status,
                None if Instant::now() > patience => return Err("the image does not end".into()),
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        // Shorter than a pipe's buffer: it did not have to be read meanwhile.
        let mut output = String::new();
        if let Some(stdout) = &mut self.0.stdout {
            stdout.read_to_string(&mut output)?;
        }
        if !status.success() {
            return Err(format!("the image ended with {status} and said: {output}").into());
        }
        Ok(output)
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn judge(tally: &Tally, report: &Report, output: &str) -> Result<String> {
    let count = |name: &str| -> Result<usize> {
        let value = output
            .split_whitespace()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        Ok(value
            .ok_or_else(|| format!("the image does not say {name}: {output}"))?
            .parse()?)
    };
    // The half of the event that was cut off and the first answer of the next connection make one malformed line, whose
    // id can be read. Its ack leaves before the login, and the broker sends the event again.
    let delivered = tally.events + 1;
    let expected = [
        ("delivered", delivered),
        ("acked", delivered),
        ("speeds", tally.sums.speeds),
        ("frame_bytes", tally.sums.frame_bytes),
        ("oversize", 1),
        ("malformed", 2),
        ("undecoded", 0),
        ("missed_pongs", 1),
        // After the cut; after the missed pong; after the login that nobody heard.
        ("reconnects", 3),
    ];
    for (name, expected) in expected {
        let counted = count(name)?;
        if counted != expected {
            return Err(format!("{name}: the image says {counted}, not {expected}").into());
        }
    }
    // Again came the event that was cut off, with what was on its way behind it, and a window of which no ack was heard.
    if !(1 + WINDOW..=2 * WINDOW).contains(&report.totals.redelivered) {
        return Err(
            format!("the broker has not delivered the right events again: {report}").into(),
        );
    }
    // The bridge has a new connection, and the image does not know yet: that is all that may be wrong.
    let mut errors = report.connections.iter().flat_map(|one| &one.client_errors);
    if errors.any(|wrong| wrong.error != ClientError::NotLoggedIn) {
        return Err(format!("the image has sent something wrong: {report}").into());
    }
    Ok(format!(
        "delivered={} acked={} reconnects={} oversize={} malformed={} pings={} missed_pongs={} stack={}",
        count("delivered")?,
        count("acked")?,
        count("reconnects")?,
        count("oversize")?,
        count("malformed")?,
        count("pings")?,
        count("missed_pongs")?,
        count("stack")?,
    ))
}
