//! Places: who is found, who gets one, who gives way.

use super::*;

const TCP: Transport = Transport::Tcp;
const PHONES: ListenerId = ListenerId(0);

fn table(connections: usize, per_source: usize) -> Table {
    Table::new(&StreamLimits {
        connections,
        per_source,
        ..StreamLimits::default()
    })
}

/// A phone that has registered.
fn welcome(connection: &Connection) {
    connection.prove();
    connection.push(b"SIP/2.0 200 OK\r\n", None, 1000);
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn a_peer_is_dialled_once_and_found_again() {
    let table = table(10, 10);
    let (first, new) = table.dial(TCP, at("192.0.2.1:5060"), PHONES).unwrap();
    assert!(new);
    let (again, new) = table.dial(TCP, at("192.0.2.1:5060"), PHONES).unwrap();
    assert!(!new);
    assert_eq!(first.id(), again.id());
    assert!(table.remove(first.id()));
    assert!(!table.remove(first.id()));
    let (other, new) = table.dial(TCP, at("192.0.2.1:5060"), PHONES).unwrap();
    assert!(new);
    assert_ne!(first.id(), other.id());
}

#[test]
fn an_accepted_connection_is_used_for_its_own_address() {
    let table = table(10, 10);
    let accepted = table.accept(TCP, at("192.0.2.1:40000"), PHONES).unwrap();
    let (found, new) = table.dial(TCP, at("192.0.2.1:40000"), PHONES).unwrap();
    assert!(!new);
    assert_eq!(found.id(), accepted.id());
}

#[test]
fn the_oldest_connection_without_a_message_gives_way() {
    let table = table(10, 2);
    let first = table.accept(TCP, at("192.0.2.1:1"), PHONES).unwrap();
    let second = table.accept(TCP, at("192.0.2.1:2"), PHONES).unwrap();
    welcome(&first);
    let third = table.accept(TCP, at("192.0.2.1:3"), PHONES).unwrap();
    assert!(table.find(first.id()).is_some());
    assert!(table.find(second.id()).is_none());
    assert_eq!(second.take(&mut Vec::new()), Err(Closed::Evicted));
    welcome(&third);
    let refused = table.accept(TCP, at("192.0.2.1:4"), PHONES);
    assert_eq!(refused.unwrap_err(), Refused::Source);
    assert!(table.accept(TCP, at("192.0.2.2:4"), PHONES).is_ok());
}

#[test]
fn the_total_is_bounded() {
    let table = table(2, 10);
    for n in 1..=2 {
        let c = table.accept(TCP, at(&format!("192.0.2.{n}:1")), PHONES);
        welcome(&c.unwrap());
    }
    let refused = table.accept(TCP, at("192.0.2.3:1"), PHONES);
    assert_eq!(refused.unwrap_err(), Refused::Total);
    table.remove(table.all()[0].id());
    assert!(table.accept(TCP, at("192.0.2.3:1"), PHONES).is_ok());
}

#[test]
fn room_is_made_of_connections_without_a_message_only() {
    let table = table(10, 10);
    let proven = table.accept(TCP, at("192.0.2.1:1"), PHONES).unwrap();
    welcome(&proven);
    let fresh = table.accept(TCP, at("192.0.2.1:2"), PHONES).unwrap();
    assert!(table.make_room());
    assert!(table.find(fresh.id()).is_none());
    assert!(!table.make_room());
    assert!(table.find(proven.id()).is_some());
}

#[test]
fn one_ipv6_network_is_one_source() {
    let table = table(10, 1);
    let first = table.accept(TCP, at("[2001:db8::1]:1"), PHONES).unwrap();
    welcome(&first);
    assert!(table.accept(TCP, at("[2001:db8::2]:1"), PHONES).is_err());
    assert!(table.accept(TCP, at("[2001:db8:0:1::1]:1"), PHONES).is_ok());
}

#[test]
fn a_strangers_messages_buy_no_place_for_good() {
    let table = table(3, 3);
    let accept = |port| table.accept(TCP, at(&format!("192.0.2.1:{port}")), PHONES);
    let phone = accept(1).unwrap();
    welcome(&phone);
    let guest = accept(2).unwrap();
    guest.prove();
    guest.push(b"SIP/2.0 401 Unauthorized\r\n", None, 1000);
    let silent = accept(3).unwrap();
    // The silent one goes before the older one that spoke; then that; the phone never.
    let fourth = accept(4).unwrap();
    assert!(table.find(silent.id()).is_none() && table.find(guest.id()).is_some());
    fourth.prove();
    welcome(&fourth);
    accept(5).unwrap().prove();
    assert!(table.find(guest.id()).is_none());
    accept(6).unwrap();
    assert!(table.find(phone.id()).is_some() && table.find(fourth.id()).is_some());
}

#[test]
fn whoever_comes_and_goes_hides_nobody_who_can_give_way() {
    let table = table(10_000, 3);
    let accept = |port| table.accept(TCP, at(&format!("192.0.2.1:{port}")), PHONES);
    let guest = accept(1).unwrap();
    guest.prove();
    for port in 2..2_000 {
        table.remove(accept(port).unwrap().id());
    }
    let others = [accept(3_000).unwrap(), accept(3_001).unwrap()];
    others.iter().for_each(|other| welcome(other));
    accept(3_002).unwrap();
    assert!(table.find(guest.id()).is_none());
}

#[test]
fn connections_that_we_open_are_bounded() {
    let table = Table::new(&StreamLimits {
        opened: 2,
        ..StreamLimits::default()
    });
    let dial = |n: u8| table.dial(TCP, at(&format!("192.0.2.{n}:5060")), PHONES);
    let (first, _) = dial(1).unwrap();
    dial(2).unwrap();
    assert!(dial(3).is_none());
    assert!(dial(2).is_some_and(|(_, new)| !new));
    table.accept(TCP, at("192.0.2.9:1"), PHONES).unwrap();
    assert!(table.remove(first.id()));
    assert!(dial(3).is_some());
}
