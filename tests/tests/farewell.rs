//! How a connection is left: TLS is told, and what was sent on it arrives.

use std::time::Duration;

use noti_tests::scripted::{PATIENCE, Server, ack};

#[test]
fn a_server_that_closes_first_is_answered() {
    let server = Server::start();
    let client = server.client().start().unwrap();
    let mut peer = server.log_in();
    peer.say_goodbye();
    assert!(peer.hears_goodbye());
    client.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_server_that_is_left_is_told() {
    let server = Server::start();
    let client = server
        .client()
        .ping_interval(Duration::from_millis(10))
        .pong_timeout(Duration::from_millis(100))
        .start()
        .unwrap();
    let mut peer = server.log_in();
    assert!(peer.hears_goodbye(), "no pong");
    let mut peer = server.log_in();
    peer.send(b"{\"cmd\":\"invalid_msg\",\"error_code\":4001,\"msg\":\"who are you?\"}\n");
    assert!(peer.hears_goodbye(), "no login");
    client.shutdown(PATIENCE).unwrap();
}

#[test]
fn acks_arrive_though_the_server_goes_on_to_talk_after_an_error() {
    let server = Server::start();
    let client = server.client().start().unwrap();
    let mut peer = server.log_in();
    peer.push("1");
    client.deliveries().next().unwrap().ack();
    let mut last_words = b"{\"cmd\":\"invalid_msg\",\"error_code\":4000,\"msg\":\"oh\"}\n".to_vec();
    // More than the client reads at once: what it leaves unread must not reset the connection.
    last_words.resize(4 * 1024 * 1024, b' ');
    peer.try_send(&last_words).expect("no reset");
    assert!(peer.hears_goodbye());
    assert_eq!(peer.line(), ack("1"));
    peer.close();
    client.shutdown(PATIENCE).unwrap();
}
