//! Sharing, bounds, deadlines, how long an answer is believed, and the system's configuration.

use super::*;
use std::fs;

#[tokio::test]
async fn those_who_ask_the_same_share_one_look_up() {
    let server = NameServer::start("pbx.example A 192.0.2.1").await;
    let resolver = resolver(&server, &BOTH, bounds());
    let ask = || {
        resolver
            .ask(question("pbx.example:5060"), Asker::Request)
            .unwrap()
    };
    let (first, second) = (ask(), ask());
    assert_eq!(first.await.unwrap(), second.await.unwrap());
    assert_eq!(server.asked(), ["pbx.example A"]);
}

#[tokio::test]
async fn requests_may_have_so_many_names_looked_up_at_once() {
    let server = NameServer::start("pbx.example A 192.0.2.1").await;
    let bounds = Bounds {
        at_once: 1,
        ..bounds()
    };
    let resolver = resolver(&server, &BOTH, bounds);
    let first = resolver.ask(question("a.example:5060"), Asker::Request);
    assert!(
        resolver
            .ask(question("b.example:5060"), Asker::Request)
            .is_none()
    );
    assert!(
        resolver
            .ask(question("a.example:5060"), Asker::Request)
            .is_some()
    );
    assert_eq!(
        places(&resolver, "pbx.example:5060").await,
        ["udp:192.0.2.1:5060"]
    );
    assert!(first.unwrap().await.unwrap().places.is_empty());
    // There is room again.
    assert!(
        resolver
            .ask(question("b.example:5060"), Asker::Request)
            .is_some()
    );
}

#[tokio::test]
async fn a_silent_server_is_given_up_when_the_time_is_over() {
    let zone = "pbx.example NAPTR silence
                pbx.example A silence";
    let server = NameServer::start(zone).await;
    let bounds = Bounds {
        total: Duration::from_millis(100),
        ..bounds()
    };
    let resolver = resolver(&server, &BOTH, bounds);
    assert_eq!(ask(&resolver, "pbx.example").await, Answer::none());
}

/// The first call that failed must not decide for the next one.
#[tokio::test]
async fn a_failure_is_not_remembered() {
    let server = NameServer::start("pbx.example A servfail").await;
    let resolver = resolver(&server, &BOTH, bounds());
    assert!(places(&resolver, "pbx.example:5060").await.is_empty());
    server.says("pbx.example A 192.0.2.1");
    assert_eq!(
        places(&resolver, "pbx.example:5060").await,
        ["udp:192.0.2.1:5060"]
    );
}

#[tokio::test]
async fn an_answer_is_believed_for_its_ttl_within_bounds() {
    let zone = "short.example A 192.0.2.1 ttl=0
                medium.example A 192.0.2.1 ttl=20
                long.example A 192.0.2.1 ttl=86400";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &BOTH, bounds());
    for (name, seconds) in [("short", 5), ("medium", 20), ("long", 30)] {
        let answer = ask(&resolver, &format!("{name}.example:5060")).await;
        let most = Duration::from_secs(seconds);
        let range = most - Duration::from_secs(4)..=most;
        assert!(
            range.contains(&answer.good_for),
            "{name}: {:?}",
            answer.good_for
        );
    }
}

#[tokio::test]
async fn the_shortest_ttl_of_the_walk_counts() {
    let zone = "_sip._udp.pbx.example SRV 1 0 5070 a.example ttl=10
                a.example A 192.0.2.1 ttl=600";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &BOTH, bounds());
    let answer = ask(&resolver, "pbx.example;transport=udp").await;
    assert!(answer.good_for <= Duration::from_secs(10));
}

#[tokio::test]
async fn a_broken_resolv_conf_leaves_the_system() {
    let bounds = || Bounds {
        threads: 64,
        ..bounds()
    };
    for (case, text) in ["", "nameserver none of them\n", "\u{0}\n"]
        .iter()
        .enumerate()
    {
        let file = file(&format!("broken-{case}"), text);
        let resolver = Resolver::new(
            &file,
            Reach::of(&[place(BOTH[0])]),
            bounds(),
            Box::new(OsEntropy::new()),
        );
        assert_eq!(
            places(&resolver, "localhost:5070").await,
            ["udp:127.0.0.1:5070"],
            "{text:?}"
        );
        fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn a_resolv_conf_that_changes_is_read_again() {
    let file = file("changing", "");
    let entropy = Box::new(OsEntropy::new());
    let resolver = Resolver::new(&file, Reach::of(&[]), bounds(), entropy);
    fs::write(&file, "nameserver 192.0.2.53\nsearch lan.example\n").unwrap();
    assert!(resolver.reread());
    assert!(locked(&resolver.0.dns).dns.is_there());
    fs::remove_file(&file).unwrap();
    // Gone for a moment: what it said stays.
    assert!(resolver.reread());
    assert!(locked(&resolver.0.dns).dns.is_there());
}

fn file(name: &str, text: &str) -> std::path::PathBuf {
    let file = format!("bellhop-resolv-{name}-{}", std::process::id());
    let file = std::env::temp_dir().join(file);
    fs::write(&file, text).unwrap();
    file
}
