//! Runs the image `client` in QEMU with its UART on a TCP connection to a broker of its own (plain TCP, loopback only),
//! puts it through a cut line, a silent link, an oversize and a malformed event, and judges what both ends have counted.
//! The last line has the counts and `PASS`, or says what is wrong.

mod events;
mod serial_broker;

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serial_broker::{SerialBroker, Tally};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The run takes about ten seconds.
const PATIENCE: Duration = Duration::from_secs(120);

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
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let mut qemu = Qemu::start(image, port)?;
    let patience = Instant::now() + PATIENCE;
    let tally = SerialBroker::new(listener, patience).serve()?;
    judge(&tally, &qemu.output(patience)?)
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
    fn output(&mut self, patience: Instant) -> Result<String> {
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

fn judge(tally: &Tally, output: &str) -> Result<String> {
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
    let delivered = tally.sent_whole + 1;
    let expected = [
        ("delivered", delivered),
        ("acked", delivered),
        ("speeds", tally.speeds),
        ("frame_bytes", tally.frame_bytes),
        ("oversize", 1),
        ("malformed", 2),
        ("undecoded", 0),
        ("missed_pongs", 1),
        // After the cut; after the missed pong; after the login that the silent peer did not answer.
        ("reconnects", 3),
    ];
    for (name, expected) in expected {
        let counted = count(name)?;
        if counted != expected {
            return Err(format!("{name}: the image says {counted}, not {expected}").into());
        }
    }
    Ok(format!(
        "delivered={} acked={} reconnects={} oversize={} malformed={} pings={} missed_pongs={} stack={}",
        count("delivered")?,
        count("acked")?,
        count("reconnects")?,
        count("oversize")?,
        count("malformed")?,
        tally.pings,
        count("missed_pongs")?,
        count("stack")?,
    ))
}
