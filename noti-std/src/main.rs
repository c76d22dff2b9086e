//! The command `noti`.

mod command;

fn main() -> std::process::ExitCode {
    command::run()
}
