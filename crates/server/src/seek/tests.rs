//! Users of a service and of a data base, really asked.

use super::Seeker;
use crate::{
    config::{Place, Remote, Trust},
    driver::{Answer, Answers, Heard},
};
use bellhop_core::{
    auth::{Algorithm, Keeping},
    engine::LookedUp,
    outbox::{LookUp, Sought, Ticket},
};
use rusqlite::Connection;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

/// A service that says the same to everybody, and tells what it was asked.
struct Service {
    url: String,
    asked: mpsc::Receiver<String>,
}

impl Service {
    fn saying(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/sip/", listener.local_addr().unwrap());
        let (tell, asked) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut head = String::new();
                while reader.read_line(&mut head).unwrap_or(0) > 2 {}
                let _ = tell.send(head);
                let length = answer.split_once("\n\n").map_or(0, |(_, body)| body.len());
                let (status, body) = answer.split_once("\n\n").unwrap_or((answer, ""));
                let mut stream = stream;
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
            }
        });
        Self { url, asked }
    }
}

/// What a seeker finds of a name.
fn find(place: Place, name: &str) -> LookedUp {
    let (seeker, mut heard) = seeker();
    let remote = remote(place);
    let source = seeker.place(&remote, "example.org", &domains(), [1; 4]);
    seeker.look_in(Some(source.unwrap()), None);
    seek(&seeker, &mut heard, name)
}

fn seek(seeker: &Seeker, heard: &mut [Heard], name: &str) -> LookedUp {
    let ticket = Ticket(7);
    seeker.seek(LookUp {
        ticket,
        kind: Sought::Name,
        name: name.as_bytes().into(),
    });
    match heard[0].blocking_recv() {
        Some(Answer::User(for_whom, found)) if for_whom == ticket => found,
        other => panic!("{other:?}"),
    }
}

fn seeker() -> (Seeker, Vec<Heard>) {
    let (answers, heard) = Answers::new(1);
    (Seeker::new(answers), heard)
}

fn remote(place: Place) -> Remote {
    Remote {
        place,
        timeout: Duration::from_secs(5),
        keeping: Keeping {
            present: Duration::from_secs(300),
            absent: Duration::from_secs(30),
            grace: Duration::from_secs(3600),
            capacity: NonZeroUsize::new(10).unwrap(),
        },
    }
}

fn domains() -> Vec<String> {
    vec!["example.org".to_owned()]
}

fn http(service: &Service) -> Place {
    Place::Http {
        before: service.url.clone(),
        after: "?realm=x".to_owned(),
        trust: Trust::default(),
    }
}

/// A data base with one user of each kind.
fn data_base(name: &str) -> PathBuf {
    let file = std::env::temp_dir().join(format!("bellhop-{name}-{}.db", std::process::id()));
    let _ = std::fs::remove_file(&file);
    let connection = Connection::open(&file).unwrap();
    let text = "CREATE TABLE users (name TEXT PRIMARY KEY, password TEXT, md5 TEXT, aors TEXT);
        INSERT INTO users VALUES ('6001', 'geheim', NULL, NULL);
        INSERT INTO users VALUES ('6002', NULL, '0123456789abcdef0123456789abcdef',
            'sip:6002@example.org, sip:sales@example.org');
        INSERT INTO users VALUES ('6003', NULL, NULL, NULL);
        INSERT INTO users VALUES ('6004', 1234, NULL, 'sip:x@elsewhere.net');";
    connection.execute_batch(text).unwrap();
    file
}

fn sqlite(file: &Path) -> Place {
    Place::Sqlite {
        file: file.to_owned(),
        query: "SELECT * FROM users WHERE name = ?1".to_owned(),
    }
}

#[test]
fn a_user_of_a_service_is_found_with_password_and_aors() {
    let service = Service::saying(
        "200 OK\n\n{\"password\": \"geheim\", \"aors\": [\"sip:sales@example.org\"], \"more\": 1}",
    );
    let LookedUp::User(user) = find(http(&service), "6001") else {
        panic!("not found");
    };
    assert_eq!((user.name.as_str(), user.aors.len()), ("6001", 1));
    assert!(user.ha1().has(Algorithm::Sha256) && user.ha1().has(Algorithm::Md5));
    let asked = service.asked.recv().unwrap();
    assert!(
        asked.starts_with("GET /sip/6001?realm=x HTTP/1.1\r\n"),
        "{asked}"
    );
}

#[test]
fn a_name_cannot_change_what_is_asked_for() {
    let service = Service::saying("404 Not Found\n\n");
    assert!(matches!(
        find(http(&service), "../admin?x=1&"),
        LookedUp::Nobody
    ));
    let asked = service.asked.recv().unwrap();
    assert!(
        asked.starts_with("GET /sip/..%2Fadmin%3Fx%3D1%26?realm=x "),
        "{asked}"
    );
}

#[test]
fn a_name_that_no_user_can_have_is_nobodys_without_asking() {
    let service = Service::saying("500 Oops\n\n");
    assert!(matches!(find(http(&service), "a\r\nb"), LookedUp::Nobody));
    assert!(service.asked.try_recv().is_err());
}

#[test]
fn a_service_that_is_broken_or_says_nonsense_fails_and_is_not_taken_for_a_no() {
    for answer in [
        "500 Oops\n\n",
        "302 Found\n\n",
        "200 OK\n\nnot json",
        "200 OK\n\n{}",
        "200 OK\n\n{\"ha1\": {\"md5\": \"xyz\"}}",
    ] {
        let service = Service::saying(answer);
        assert!(
            matches!(find(http(&service), "6001"), LookedUp::Failed),
            "{answer}"
        );
    }
}

#[test]
fn a_service_that_is_not_there_fails() {
    let place = Place::Http {
        before: "http://127.0.0.1:9/".to_owned(),
        after: String::new(),
        trust: Trust::default(),
    };
    assert!(matches!(find(place, "6001"), LookedUp::Failed));
}

#[test]
fn where_there_is_no_place_to_look_in_it_fails_at_once() {
    let (seeker, mut heard) = seeker();
    assert!(matches!(
        seek(&seeker, &mut heard, "6001"),
        LookedUp::Failed
    ));
}

#[test]
fn users_of_a_data_base_are_found_by_password_or_hash() {
    let file = data_base("found");
    let LookedUp::User(first) = find(sqlite(&file), "6001") else {
        panic!("6001");
    };
    assert_eq!(first.aors[0].as_str(), "6001@example.org");
    let LookedUp::User(second) = find(sqlite(&file), "6002") else {
        panic!("6002");
    };
    assert_eq!(second.aors.len(), 2);
    assert!(second.ha1().has(Algorithm::Md5) && !second.ha1().has(Algorithm::Sha256));
    assert!(matches!(find(sqlite(&file), "6009"), LookedUp::Nobody));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_row_without_a_proof_or_with_a_foreign_aor_fails() {
    let file = data_base("wrong");
    assert!(matches!(find(sqlite(&file), "6003"), LookedUp::Failed));
    assert!(matches!(find(sqlite(&file), "6004"), LookedUp::Failed));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_query_that_makes_no_sense_is_told_before_anything_runs() {
    let file = data_base("query");
    let (seeker, _heard) = seeker();
    for (query, said) in [
        (
            "SELECT * FROM people WHERE name = ?1",
            "no such table: people",
        ),
        ("SELECT * FROM users", "has 0 parameters"),
        ("SELECT 1 AS x WHERE ?1 = 1", "no column that is known"),
    ] {
        let place = Place::Sqlite {
            file: file.clone(),
            query: query.to_owned(),
        };
        let refused = seeker.place(&remote(place), "example.org", &domains(), [1; 4]);
        let refused = refused.err().unwrap();
        assert!(refused.contains(said), "{refused}");
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn the_same_place_keeps_what_was_found_and_another_one_does_not() {
    let file = data_base("same");
    let (seeker, _heard) = seeker();
    let place = |realm| {
        seeker
            .place(&remote(sqlite(&file)), realm, &domains(), [1; 4])
            .unwrap()
    };
    seeker.look_in(Some(place("a")), None);
    let first = seeker.directory().unwrap();
    seeker.look_in(Some(place("a")), None);
    assert!(std::sync::Arc::ptr_eq(&first, &seeker.directory().unwrap()));
    seeker.look_in(Some(place("b")), None);
    assert!(!std::sync::Arc::ptr_eq(
        &first,
        &seeker.directory().unwrap()
    ));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_query_that_takes_too_long_is_given_up() {
    let file = data_base("slow");
    let place = Place::Sqlite {
        file: file.clone(),
        query: "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1e12)
            SELECT count(*) AS password FROM n WHERE ?1 = ?1"
            .to_owned(),
    };
    let (seeker, mut heard) = seeker();
    let mut remote = remote(place);
    remote.timeout = Duration::from_millis(100);
    let source = seeker.place(&remote, "example.org", &domains(), [1; 4]);
    seeker.look_in(Some(source.unwrap()), None);
    assert!(matches!(
        seek(&seeker, &mut heard, "6001"),
        LookedUp::Failed
    ));
    std::fs::remove_file(file).unwrap();
}
