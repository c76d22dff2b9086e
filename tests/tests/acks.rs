//! What becomes of the acks that an application gives.

use std::time::Duration;

use noti_std::{Client, ClientBuilder, Trust};
use noti_tests::scripted::{PATIENCE, Server, ack};

fn client(server: &Server) -> ClientBuilder {
    Client::builder("127.0.0.1", server.address().port())
        .credentials("enterprise", "s3cr3t")
        .trust(Trust::platform().with_ca_pem(server.ca_pem()).unwrap())
        .reconnect(Duration::from_millis(1), Duration::from_millis(20))
}

#[test]
fn a_second_ack_of_a_delivery_is_neither_sent_nor_lost() {
    let server = Server::start();
    let client = client(&server).start().unwrap();
    let mut peer = server.log_in();
    peer.push("1");
    peer.push("2");
    let deliveries: Vec<_> = client.deliveries().take(2).collect();
    let [first, second] = &deliveries[..] else {
        panic!("two deliveries");
    };
    // At once, and once the first has left.
    client.ack_all([first, first]);
    assert!(client.flush());
    first.ack();
    second.ack();
    assert!(client.flush());
    assert_eq!(peer.line() + &peer.line(), ack("1") + &ack("2"));
    let stats = client.stats();
    assert_eq!(
        (stats.acks_given, stats.acks_sent, stats.acks_lost),
        (2, 2, 0)
    );
    client.shutdown(PATIENCE).unwrap();
}
