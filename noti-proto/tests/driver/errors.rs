//! What the driver's errors say.

use std::error::Error;

use embedded_io::ErrorKind;
use noti_proto::CloseReason;
use noti_proto::driver::DriverError;

#[test]
fn each_says_what_to_do_and_names_its_source() {
    let errors = [
        (
            DriverError::Closed(CloseReason::PongTimeout),
            "the server did not answer a ping in time; connect anew",
        ),
        (
            DriverError::Closed(CloseReason::LoginRefused),
            "the server refused the login; check the credentials and the account's address list",
        ),
        (
            DriverError::Read(ErrorKind::ConnectionReset),
            "the transport failed to read; connect anew",
        ),
        (
            DriverError::Write(ErrorKind::BrokenPipe),
            "the transport failed to write; connect anew",
        ),
        (
            DriverError::WriteZero,
            "the transport takes no bytes; connect anew",
        ),
        (
            DriverError::NoReceiveBuffer,
            "the receive buffer is empty; give it room for a line",
        ),
    ];
    for (error, text) in errors {
        assert_eq!(error.to_string(), text);
        let failed = matches!(error, DriverError::Read(_) | DriverError::Write(_));
        assert_eq!(error.source().is_some(), failed, "{text}");
    }
}
