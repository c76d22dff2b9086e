use std::borrow::Cow;

/// The longest head of a request.
pub(super) const MAX_REQUEST: usize = 4096;

/// A request, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request<'r> {
    pub(super) path: &'r str,
    is_head: bool,
}

/// What a beginning of a request is so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head<'r> {
    Incomplete,
    Complete(Request<'r>),
    Unacceptable(Response),
}

impl<'r> Head<'r> {
    /// Reads the first line, once the empty line that ends the head is there; the fields between do not matter.
    pub(super) fn read(bytes: &'r [u8]) -> Self {
        let complete = bytes.windows(4).any(|end| end == b"\r\n\r\n")
            || bytes.windows(2).any(|end| end == b"\n\n");
        if !complete {
            return if bytes.len() < MAX_REQUEST {
                Self::Incomplete
            } else {
                Self::Unacceptable(Response::text(431, "the request is too long"))
            };
        }
        let line = bytes
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Self::bad();
        };
        let Ok(target) = std::str::from_utf8(target) else {
            return Self::bad();
        };
        if !matches!(version, b"HTTP/1.0" | b"HTTP/1.1") {
            return Self::bad();
        }
        let is_head = match method {
            b"GET" => false,
            b"HEAD" => true,
            _ => return Self::Unacceptable(Response::text(405, "only GET and HEAD")),
        };
        let path = target.split('?').next().unwrap_or_default();
        Self::Complete(Request { path, is_head })
    }

    fn bad() -> Self {
        Self::Unacceptable(Response::text(400, "this is no HTTP/1.1 request"))
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    status: u16,
    content_type: &'static str,
    body: Cow<'static, str>,
}

impl Response {
    pub(super) fn text(status: u16, line: impl Into<Cow<'static, str>>) -> Self {
        let mut body = line.into();
        body.to_mut().push('\n');
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body,
        }
    }

    pub(super) fn metrics(body: String) -> Self {
        Self {
            status: 200,
            content_type: "text/plain; version=0.0.4; charset=utf-8",
            body: body.into(),
        }
    }

    /// The bytes to send. `request` is the one that this answers, if it could be read.
    pub(super) fn bytes(&self, request: Option<&Request<'_>>) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            431 => "Request Header Fields Too Large",
            _ => "Service Unavailable",
        };
        let Self {
            status,
            content_type,
            body,
        } = self;
        let length = body.len();
        let allow = match status {
            405 => "Allow: GET, HEAD\r\n",
            _ => "",
        };
        let mut bytes = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
             {allow}Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        );
        if !request.is_some_and(|request| request.is_head) {
            bytes.push_str(body);
        }
        bytes.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(bytes: &[u8]) -> Option<u16> {
        match Head::read(bytes) {
            Head::Unacceptable(response) => Some(response.status),
            _ => None,
        }
    }

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let head = b"GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";
        for length in 0..head.len() {
            assert_eq!(Head::read(&head[..length]), Head::Incomplete);
        }
        let whole = Request {
            path: "/metrics",
            is_head: false,
        };
        assert_eq!(Head::read(head), Head::Complete(whole));
        let typed = Request {
            path: "/",
            is_head: true,
        };
        assert_eq!(Head::read(b"HEAD / HTTP/1.0\n\n"), Head::Complete(typed));
    }

    #[test]
    fn what_is_no_request_is_told_so() {
        for (bytes, expected) in [
            (&b"POST /metrics HTTP/1.1\r\n\r\n"[..], 405),
            (b"GET /metrics\r\n\r\n", 400),
            (b"GET  /metrics HTTP/1.1\r\n\r\n", 400),
            (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
            (b"\r\n\r\n", 400),
            (&[b'x'; MAX_REQUEST], 431),
        ] {
            assert_eq!(status(bytes), Some(expected), "{bytes:?}");
        }
    }

    #[test]
    fn the_answer_to_head_has_the_length_and_no_body() {
        let response = Response::text(200, "logged in");
        let head = Request {
            path: "/healthz",
            is_head: true,
        };
        let text = String::from_utf8(response.bytes(Some(&head))).unwrap();
        assert!(text.contains("\r\nContent-Length: 10\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n"), "{text}");
    }
}
