//! The port over loopback, with a state that tests make: phases, paths, bounds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::{
    Listening, Order, Refused, Reloaded, Running,
    door::{self, Bounds},
    state::State,
};
use crate::{
    config::{Machine, Problems, parse},
    driver::Answers,
    driver::{Clock, Live, Pulse, Traffic},
    plugins::{Around, Plugins},
    serve::Elsewhere,
    store::Store,
    transport::{StreamLimits, table::Table},
    upstreams::Upstreams,
};
use bellhop_core::{auth::ReplayGuard, flow::Transport, lease::Count, registrar::Location};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

struct Rig {
    state: Arc<State>,
    orders: mpsc::Receiver<Order>,
    at: std::net::SocketAddr,
}

impl Rig {
    async fn with(bounds: Bounds) -> Self {
        let (sender, orders) = mpsc::channel(1);
        let state = Arc::new(State::new(sender));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(door::accept(listener, Arc::clone(&state), bounds));
        Self { state, orders, at }
    }

    async fn new() -> Self {
        Self::with(Bounds::default()).await
    }

    /// It serves, with a worker that answers or one that is stuck.
    fn serve(&self, is_stuck: bool) {
        let (pulse, mut ends) = Pulse::of(1);
        let mut end = ends.pop().unwrap();
        tokio::spawn(async move {
            while let Some(question) = end.recv().await {
                match is_stuck {
                    true => std::mem::forget(question),
                    false => {
                        _ = question.send(Live {
                            server: 3,
                            ..Live::default()
                        })
                    }
                }
            }
        });
        self.state.serve(Running {
            counters: Arc::default(),
            traffic: vec![Arc::new(Traffic::default())],
            connections: Arc::new(Table::new(&StreamLimits::default())),
            pulse,
            location: Arc::new(Location::new(10, [1; 4])),
            leases: Arc::default(),
            tally: Arc::default(),
            subscriptions: Arc::default(),
            upstreams: upstreams(),
            replay: Arc::new(ReplayGuard::new(10)),
            plugins: plugins(),
            elsewhere: Elsewhere::new(Answers::new(0).0),
            store: Store::default(),
            answers: Answers::new(0).0,
            clock: Clock::start(),
            listeners: vec![Listening {
                name: "phones".to_owned(),
                transport: "udp",
                local: self.at,
            }],
            file: None,
        });
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }

    /// Status and body of the answer to a request line.
    async fn ask(&self, line: &str) -> (u16, String) {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.at
        );
        self.say(&request).await
    }

    async fn say(&self, request: &str) -> (u16, String) {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = timeout(SOON, stream.read_to_string(&mut answer)).await;
        read.expect("an answer").unwrap();
        let status = answer.get(9..12).and_then(|status| status.parse().ok());
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status.unwrap_or(0), body.to_owned())
    }
}

/// No plugins.
fn plugins() -> Plugins {
    let settings = parse(Path::new("test.toml"), "", &Machine).unwrap();
    let location = Arc::new(Location::new(10, [1; 4]));
    let around = Around {
        location,
        held: Arc::default(),
        upstreams: upstreams(),
        answers: Answers::new(0).0,
    };
    Plugins::load(&settings, around, Clock::start()).unwrap()
}

/// One PBX with two targets, of which nothing is known.
fn upstreams() -> Arc<Upstreams> {
    let text = "[[upstream]]\nname = \"pbx\"\nprobe = \"10s\"\n\
                targets = [\"sip:127.0.0.9:5060\", \"sip:127.0.0.9:5070\"]\n";
    let settings = parse(Path::new("test.toml"), text, &Machine).unwrap();
    let at = |port| vec![(Transport::Udp, ([127, 0, 0, 9], port).into())];
    let config = settings.core_config(&[], &[at(5060), at(5070)]);
    Arc::new(Upstreams::new(&Arc::default(), &Arc::new(config)))
}

#[tokio::test]
async fn the_targets_of_upstreams_are_told_and_measured() {
    let rig = Rig::new().await;
    assert_eq!(rig.ask("GET /upstreams").await.0, 503);
    rig.serve(false);
    let (status, body) = rig.ask("GET /upstreams").await;
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200, "{body}");
    let first = serde_json::json!({
        "name": "pbx", "target": "udp:127.0.0.9:5060", "host": "127.0.0.9:5060", "state": "up",
        "lasted": null, "rest": null, "probe": 10, "relayed": 0, "trouble": null,
    });
    assert_eq!(value["upstreams"][0], first);
    assert_eq!(value["upstreams"][1]["target"], "udp:127.0.0.9:5070");
    let (_, metrics) = rig.ask("GET /metrics").await;
    for (gauge, is_so) in [("up", 1), ("draining", 0)] {
        let sample = format!(
            "bellhop_upstream_{gauge}{{upstream=\"pbx\",target=\"udp:127.0.0.9:5070\"}} {is_so}\n"
        );
        assert!(metrics.contains(&sample), "{metrics}");
    }
}

#[tokio::test]
async fn registrations_are_made_anew_only_where_there_are_any() {
    let rig = Rig::new().await;
    assert_eq!(rig.ask("POST /upstreams/resync").await.0, 503);
    rig.serve(false);
    assert_eq!(rig.ask("GET /upstreams/resync").await.0, 405);
    assert_eq!(rig.ask("POST /upstreams/resync?nam=pbx").await.0, 400);
    assert_eq!(rig.ask("POST /upstreams/resync?name=pbs").await.0, 404);
    // Its mode is terminate.
    assert_eq!(rig.ask("POST /upstreams/resync?name=pbx").await.0, 409);
    let text = "[[upstream]]\nname = \"pbx\"\ntargets = [\"sip:127.0.0.9:5060\"]\n\
                [[upstream]]\nname = \"other\"\ntargets = [\"sip:127.0.0.8:5060\"]\n\
                [route]\ndefault = \"pbx\"\n[registrar]\nmode = \"aor\"\nresync_rate = 7\n";
    let settings = parse(Path::new("test.toml"), text, &Machine).unwrap();
    let config = settings.core_config(&[], &[Vec::new(), Vec::new()]);
    let running = rig.state.running().unwrap();
    running.upstreams.turn_to(&Arc::new(config));
    assert_eq!(rig.ask("POST /upstreams/resync?name=other").await.0, 409);
    let resyncs = || running.leases.counts().totals[Count::Resyncs as usize];
    assert_eq!(resyncs(), 0);
    let said = rig.ask("POST /upstreams/resync").await;
    let expected = "{\"leases\":0,\"rate\":7,\"relayed\":0,\"subscription_rate\":500,\"subscriptions\":0,\
                    \"upstream\":\"pbx\"}";
    assert_eq!((said.0, said.1.trim()), (202, expected));
    assert_eq!(resyncs(), 1);
}

#[tokio::test]
async fn ready_is_503_before_it_serves_200_while_it_does_and_503_when_it_ends() {
    let rig = Rig::new().await;
    assert_eq!(rig.ask("GET /live").await.0, 200);
    let (status, said) = rig.ask("GET /ready").await;
    assert!(
        status == 503 && said.contains("starting"),
        "{status} {said}"
    );
    rig.serve(false);
    assert_eq!(rig.ask("GET /ready").await.0, 200);
    rig.state.drain();
    let (status, said) = rig.ask("GET /ready").await;
    assert!(
        status == 503 && said.contains("draining"),
        "{status} {said}"
    );
    assert_eq!(rig.ask("GET /live").await.0, 200);
}

#[tokio::test]
async fn a_worker_that_is_stuck_is_named_by_ready_status_and_metrics() {
    let rig = Rig::new().await;
    rig.serve(true);
    let (status, said) = rig.ask("GET /ready").await;
    assert!(
        status == 503 && said.contains("do not answer: 0"),
        "{status} {said}"
    );
    assert!(rig.ask("GET /status").await.1.contains("\"answers\":false"));
    assert!(
        rig.ask("GET /metrics")
            .await
            .1
            .contains("bellhop_worker_up{worker=\"0\"} 0\n")
    );
}

#[tokio::test]
async fn what_is_not_there_is_404_and_another_method_405_with_what_is_allowed() {
    let rig = Rig::new().await;
    assert_eq!(rig.ask("GET /").await.0, 404);
    assert_eq!(rig.ask("GET /reload").await.0, 405);
    assert_eq!(rig.ask("POST /metrics").await.0, 405);
    assert_eq!(rig.ask("GET /bindings").await.0, 503);
    assert_eq!(rig.ask("GET /plugins").await.0, 503);
    assert_eq!(rig.ask("GET /plugins/reload").await.0, 405);
    rig.serve(false);
    assert_eq!(rig.ask("GET /bindings?aor=").await.0, 400);
    assert!(
        rig.ask("GET /plugins")
            .await
            .1
            .starts_with("{\"plugins\":[]")
    );
    assert_eq!(rig.ask("GET /plugins/x/differences").await.0, 404);
    assert_eq!(rig.ask("POST /plugins/reload?name=x").await.0, 404);
    assert_eq!(rig.ask("POST /plugins/reload?nam=x").await.0, 400);
    assert_eq!(rig.ask("POST /plugins/reload").await.0, 200);
    assert_eq!(rig.ask("GET /bindings?aor=%zz").await.0, 400);
    let (status, said) = rig.ask("GET /bindings?aor=sip:6001@example.org").await;
    assert!(
        status == 200 && said.contains("\"bindings\":[]"),
        "{status} {said}"
    );
}

#[tokio::test]
async fn a_reload_is_answered_with_what_came_of_it() {
    let mut rig = Rig::new().await;
    let mut answers = vec![
        Err(Refused::NoFile),
        Err(Refused::Wrong(Problems::unreadable(
            Path::new("b.toml"),
            &std::io::ErrorKind::NotFound.into(),
        ))),
        Ok(Reloaded {
            left_out: vec!["server.workers".to_owned()],
        }),
    ];
    let (_, spare) = mpsc::channel(1);
    let mut orders = std::mem::replace(&mut rig.orders, spare);
    tokio::spawn(async move {
        while let Some(Order::Reload(answer)) = orders.recv().await {
            let _ = answer.send(answers.pop().unwrap());
        }
    });
    let (status, said) = rig.ask("POST /reload").await;
    assert!(
        status == 200 && said.contains("server.workers"),
        "{status} {said}"
    );
    let (status, said) = rig.ask("POST /reload").await;
    let value: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (status, value["errors"][0]["file"].as_str()),
        (422, Some("b.toml"))
    );
    assert!(value["error"].as_str().unwrap().contains("stays"));
    assert_eq!(rig.ask("POST /reload").await.0, 409);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused() {
    let rig = Rig::new().await;
    let head = format!(
        "POST /reload HTTP/1.1\r\nHost: {}\r\nContent-Length: 5000\r\n\r\n",
        rig.at
    );
    assert_eq!(rig.say(&(head + &"x".repeat(5000))).await.0, 413);
}

/// The bounds are met in the clock's own time: they are short here, and nothing sleeps.
#[tokio::test]
async fn silence_half_a_head_and_half_a_body_are_cut_off() {
    let short = Duration::from_millis(50);
    let rig = Rig::with(Bounds {
        silence: short,
        body: short,
        ..Bounds::default()
    })
    .await;
    let half_a_body = format!(
        "POST /reload HTTP/1.1\r\nHost: {}\r\nContent-Length: 9\r\n\r\nx",
        rig.at
    );
    let served = format!("GET /live HTTP/1.1\r\nHost: {}\r\n\r\n", rig.at);
    for (said, answer) in [
        ("", ""),
        ("GET /live HT", ""),
        (&half_a_body, " 408 "),
        (&served, " 200 "),
    ] {
        let mut stream = rig.connect().await;
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        let end = timeout(SOON, stream.read_to_end(&mut heard)).await;
        assert!(end.is_ok(), "{said:?} is not cut off");
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.contains(answer), "{said:?}: {heard}");
    }
}

#[tokio::test]
async fn no_more_connections_are_served_at_once_than_there_are_places() {
    let rig = Rig::with(Bounds {
        connections: 2,
        ..Bounds::default()
    })
    .await;
    let holders = [rig.connect().await, rig.connect().await];
    // Both places are taken once both were answered, for a connection lives on.
    let mut held = Vec::new();
    for mut holder in holders {
        let ask = format!("GET /live HTTP/1.1\r\nHost: {}\r\n\r\n", rig.at);
        holder.write_all(ask.as_bytes()).await.unwrap();
        let mut start = [0; 12];
        holder.read_exact(&mut start).await.unwrap();
        held.push(holder);
    }
    let waiting = rig.ask("GET /live");
    assert!(timeout(Duration::from_millis(200), waiting).await.is_err());
    drop(held);
    assert_eq!(rig.ask("GET /live").await.0, 200);
}

const SOON: Duration = Duration::from_secs(10);
