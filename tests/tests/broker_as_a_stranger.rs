//! A test as somebody would write it whose program consumes events, with nothing but the public API.

use std::time::Duration;

use noti_broker::{Body, Broker};

#[test]
fn my_program_acks_what_it_has_handled() -> Result<(), Box<dyn std::error::Error>> {
    let broker = Broker::builder().record_acked(10).start()?;
    broker.push(Body::parse(r#"{"event_type":"device_offline","did":"a"}"#)?)?;
    broker.push(Body::parse(r#"{"event_type":"device_offline","did":"b"}"#)?)?;

    let client = broker.client().start()?;
    for delivery in client.deliveries().take(2) {
        delivery.ack();
    }

    broker.wait_until(Duration::from_secs(10), |totals| totals.acked == 2)?;
    assert_eq!(
        broker.acked()[1].as_str(),
        r#"{"event_type":"device_offline","did":"b"}"#
    );
    client.shutdown(Duration::from_secs(5))?;
    assert_eq!(broker.stop().totals.client_errors, 0);
    Ok(())
}
