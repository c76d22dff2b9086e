//! decode(encode(s)) = s, for every text.

use noti_proto::json::JsonStr;
use noti_proto::{Config, Inline, Instant, Login, Session};
use proptest::prelude::*;

/// A text with whatever JSON finds difficult.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        any::<char>(),
        proptest::sample::select(vec![
            '"', '\\', '/', '\0', '\n', '\r', '\t', '\u{1f}', '\u{7f}', '优', '😀', '\u{2028}'
        ]),
        proptest::char::range('\0', '\u{7f}'),
    ];
    proptest::collection::vec(character, 0..40)
        .prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    /// L1: what the client writes is what was given, for `serde_json` and for the broker's end.
    #[test]
    fn a_login_arrives_as_it_was_given(id in text(), secret in text()) {
        let mut session = Session::new(Config::default(), Inline::<1024, 5>::new()).unwrap();
        let login = Login { enterprise_id: &id, enterprise_secret: &secret };
        session.connected(Instant::ZERO, &login).unwrap();
        let line = session.poll_transmit(Instant::ZERO);
        prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        let read: serde_json::Value = serde_json::from_slice(line).unwrap();
        prop_assert_eq!(&read["data"]["enterprise_id"], &*id);
        prop_assert_eq!(&read["data"]["enterprise_secret"], &*secret);

        #[cfg(feature = "server")]
        {
            use noti_proto::server::{BrokerConfig, BrokerEvent, BrokerSession};
            let mut broker = BrokerSession::new(BrokerConfig::default(), Inline::<256, 5>::new()).unwrap();
            broker.connected(Instant::ZERO);
            match broker.handle_line(Instant::ZERO, noti_proto::Line::whole(line)) {
                Some(BrokerEvent::LoginRequest(request)) => {
                    prop_assert!(request.enterprise_id == id.as_str() && request.enterprise_secret == secret.as_str());
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// J1: however a text is escaped, it decodes to itself and compares equal to itself alone.
    #[test]
    fn a_text_decodes_to_itself(text in text(), other in text(), forms in any::<u64>()) {
        let mut escaped = String::from("\"");
        let mut forms = forms;
        for character in text.chars() {
            forms = forms.rotate_left(1);
            if forms & 1 == 0 && !matches!(character, '"' | '\\' | '\0'..='\x1f') {
                escaped.push(character);
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                escaped += &format!("\\u{unit:04x}");
            }
        }
        escaped.push('"');
        for written in [escaped, serde_json::to_string(&text).unwrap()] {
            let string = JsonStr::parse(written.as_bytes()).unwrap();
            let mut buffer = vec![0; written.len()];
            prop_assert_eq!(string.decode_into(&mut buffer), Ok(text.as_str()));
            prop_assert!(string == text.as_str());
            prop_assert_eq!(string == other.as_str(), text == other);
        }
    }
}
