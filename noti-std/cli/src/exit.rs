use std::fmt::Display;
use std::process::ExitCode;

use noti_std::{BuildError, ClientError};

/// The codes and what they mean.
pub(crate) const CODES: &[(u8, &str)] = &[
    (
        0,
        "Done, or stopped by SIGINT or SIGTERM after the acks had left.",
    ),
    (
        1,
        "A client of the local broker did something wrong, and --strict was given.",
    ),
    (2, "The command line, or what it names, cannot be used."),
    (65, "Oversize or malformed events fill the window."),
    (
        69,
        "The server cannot be reached, and --no-reconnect was given; acks had not left at the end; or the system lacks something.",
    ),
    (74, "Events could not be written."),
    (77, "The server refused the login."),
];

/// How the command ends: with a code, and with a sentence for people where it did not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Exit {
    code: u8,
    message: Option<String>,
}

impl Exit {
    /// Done, or stopped by a signal after draining.
    pub(crate) const DONE: Self = Self {
        code: 0,
        message: None,
    };

    fn new(code: u8, message: impl Display) -> Self {
        Self {
            code,
            message: Some(message.to_string()),
        }
    }

    /// A broker's client did something wrong, and it was told to be strict.
    #[cfg(feature = "broker")]
    pub(crate) fn client_errors(message: impl Display) -> Self {
        Self::new(1, message)
    }

    /// The command line, or what it names, cannot be used.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(2, message)
    }

    /// Lines that cannot be delivered fill the window.
    pub(crate) fn poison(message: impl Display) -> Self {
        Self::new(65, message)
    }

    /// The other side is not there, or not any more.
    pub(crate) fn unavailable(message: impl Display) -> Self {
        Self::new(69, message)
    }

    /// What was received could not be written.
    pub(crate) fn output(message: impl Display) -> Self {
        Self::new(74, message)
    }

    /// The server refused the login.
    pub(crate) fn refused(message: impl Display) -> Self {
        Self::new(77, message)
    }

    pub(crate) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<ClientError> for Exit {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::LoginRefused(_) => Self::refused(error),
            _ => Self::unavailable(error),
        }
    }
}

impl From<BuildError> for Exit {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::System(_) => Self::unavailable(error),
            _ => Self::usage(error),
        }
    }
}
