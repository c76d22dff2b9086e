//! What shows only from inside, or with options of sockets that std does not offer.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use mio::{Poll, Token};
use socket2::{Domain, SockRef, Socket, Type};

use super::link::Dialing;
use super::{Client, DisconnectKind, Event};
use crate::tls::{ClientTls, Pin, TlsConnection, Trust};

fn trust() -> Trust {
    Trust::platform().with_pin("00".repeat(32).parse::<Pin>().unwrap())
}

#[test]
fn a_dead_link_shows_to_the_system_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let poll = Poll::new().unwrap();
    let address = listener.local_addr().unwrap();
    let dialing = Dialing::start(address, poll.registry(), Token(0)).unwrap();
    let _accepted = listener.accept().unwrap();
    while !dialing.is_connected().unwrap() {
        std::thread::yield_now();
    }
    let tls = TlsConnection::client(&ClientTls::new(&trust(), "localhost").unwrap()).unwrap();
    let link = dialing.secure(tls, Duration::from_secs(7));

    let socket = SockRef::from(link.socket());
    assert!(socket.keepalive().unwrap());
    assert!(socket.tcp_nodelay().unwrap());
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        assert_eq!(socket.tcp_keepalive_time().unwrap(), super::link::KEEPALIVE);
        assert_eq!(
            socket.tcp_user_timeout().unwrap(),
            Some(Duration::from_secs(7))
        );
    }
}

/// An address that neither accepts nor refuses: its queue is full, so the system drops what knocks.
fn full_house() -> (Socket, Vec<TcpStream>, SocketAddr) {
    let house = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    house.bind(&any.into()).unwrap();
    house.listen(0).unwrap();
    let address = house.local_addr().unwrap().as_socket().unwrap();
    let mut guests = Vec::new();
    while let Ok(guest) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        guests.push(guest);
    }
    (house, guests, address)
}

#[test]
fn an_address_that_does_not_answer_is_given_up() {
    let (_house, _guests, address) = full_house();
    let client = Client::builder("127.0.0.1", address.port())
        .credentials("id", "secret")
        .trust(trust())
        .connect_timeout(Duration::from_millis(50))
        .reconnect(Duration::from_millis(1), Duration::from_millis(10))
        .start()
        .unwrap();
    let mut given_up = 0;
    for event in client.events() {
        if let Event::Disconnected(why) = event {
            assert_eq!(why.kind(), DisconnectKind::Connect);
            assert!(why.to_string().contains("no answer in time"), "{why}");
            given_up += 1;
            if given_up == 3 {
                break;
            }
        }
    }
    client.shutdown(Duration::from_secs(60)).unwrap();
}

#[test]
fn a_stop_does_not_wait_for_an_address_that_does_not_answer() {
    let (_house, _guests, address) = full_house();
    let client = Client::builder("127.0.0.1", address.port())
        .credentials("id", "secret")
        .trust(trust())
        .connect_timeout(Duration::from_secs(3600))
        .start()
        .unwrap();
    client.shutdown(Duration::from_secs(3600)).unwrap();
}

#[test]
fn every_address_of_a_name_is_tried() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut builder = Client::builder("name", port)
        .credentials("id", "secret")
        .trust(trust())
        .connect_timeout(Duration::from_millis(200))
        .no_reconnect();
    // Nobody listens at the first.
    builder.look_up = |_, port| {
        let hosts = [[127, 0, 0, 2], [127, 0, 0, 1]];
        Ok(hosts.map(|host| (host, port).into()).to_vec())
    };
    let client = builder.start().unwrap();
    let why = client.events().find_map(|event| match event {
        Event::Disconnected(why) => Some(why),
        _ => None,
    });
    // At the second the connection is made, and nobody answers in TLS.
    assert_eq!(why.unwrap().kind(), DisconnectKind::Tls);
}
