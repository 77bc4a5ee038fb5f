//! `bellhop demo`: a real Bellhop on loopback, two simulated phones and a simulated PBX, all with real
//! sockets, and the ladder of what crossed them.

mod body;
mod ladder;
mod peer;
mod script;
mod trace;
mod ua;

use self::{
    ladder::{Colour, Look},
    peer::Peer,
    script::{DOMAIN, Play},
    trace::{Party, Step, Trace},
    ua::Ua,
};
use crate::{
    config::{Environment, Settings, parse},
    driver::{Observer, OsEntropy},
    serve::Server,
    users::hash::fresh_password,
};
use bellhop_core::entropy::Entropy;
use std::{
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::UdpSocket, runtime};

/// Plays the demo and draws it on standard output; in ASCII if asked to or if the locale is not UTF-8.
///
/// # Errors
/// Bellhop cannot start, or the step that failed. What was seen until then has been drawn.
pub(crate) fn run(ascii: bool) -> Result<(), String> {
    let look = Look::of_terminal(ascii);
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let start = Instant::now();
    let (played, steps) = runtime.block_on(perform())?;
    let took = start.elapsed();
    // Nobody looking is no failure.
    let mut out = io::stdout().lock();
    let _ = write!(out, "{}", ladder::draw(&steps, look));
    let verdict = played.and_then(|()| verdict(&steps, took));
    let last = match &verdict {
        Ok(text) => look.paint(Colour::Good, text),
        Err(_) => look.paint(Colour::Bad, "bellhop demo failed"),
    };
    let _ = writeln!(out, "\n{last}").and_then(|()| out.flush());
    verdict.map(drop)
}

/// Starts everybody, plays, ends everybody. The play's result, and what was seen.
async fn perform() -> Result<(Result<(), String>, Vec<Step>), String> {
    let sockets = (socket().await?, socket().await?, socket().await?);
    let ((alice, at_alice), (bob, at_bob), (pbx, at_pbx)) = sockets;
    let trace = Arc::new(Trace::new(vec![
        (at_alice, Party::Alice),
        (at_bob, Party::Bob),
        (at_pbx, Party::Pbx),
    ]));
    let passwords = [fresh_password()?, fresh_password()?];
    let settings = settings(&passwords, at_pbx)?;
    let observer: Arc<dyn Observer> = Arc::<Trace>::clone(&trace);
    let server = Server::start(settings, None, Some(observer)).await?;
    let at = *server.locals().first().ok_or("Bellhop listens nowhere")?;

    let mut entropy = OsEntropy::new();
    let mut seat = |party: Party, user: &str, password: &str, (socket, local)| {
        let ua = Ua::new(user, DOMAIN, password, local, entropy.next_u64());
        Peer::new(party, ua, socket, at, Arc::clone(&trace))
    };
    let [of_alice, of_bob] = &passwords;
    let mut play = Play {
        alice: seat(Party::Alice, "alice", of_alice, (alice, at_alice)),
        bob: seat(Party::Bob, "bob", of_bob, (bob, at_bob)),
        pbx: seat(Party::Pbx, "700", "", (pbx, at_pbx)),
        trace: Arc::clone(&trace),
    };
    let played = play.perform().await;
    // The workers have told the trace everything once they have ended.
    server.stop().await;
    for peer in [&play.alice, &play.bob, &play.pbx] {
        peer.drain().await;
    }
    Ok((played, trace.steps()))
}

/// What was shown, if every message crossed; one that was sent again may be missed.
fn verdict(steps: &[Step], took: Duration) -> Result<String, String> {
    if let Some(lost) = steps.iter().find(|step| !step.crossed && !step.again) {
        let (from, to) = (lost.from.name(), lost.to.name());
        let line = &lost.line;
        return Err(format!(
            "a message from {from} to {to} was seen at one end only: {line}"
        ));
    }
    let (messages, scenes) = (steps.len(), steps.iter().filter(|s| s.scene.is_some()));
    Ok(format!(
        "bellhop demo passed in {} ms: {} scenes, {messages} messages over UDP on loopback, each seen \
         at both ends",
        took.as_millis(),
        scenes.count()
    ))
}

async fn socket() -> Result<(UdpSocket, SocketAddr), String> {
    let bound = async {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let local = socket.local_addr()?;
        Ok::<_, io::Error>((socket, local))
    };
    (bound.await).map_err(|error| format!("a simulated peer has no socket: {error}"))
}

fn settings([alice, bob]: &[String; 2], pbx: SocketAddr) -> Result<Settings, String> {
    let user = |name, password| format!("[[user]]\nname = {name:?}\npassword = {password:?}\n");
    let embedded = Embedded {
        users: user("alice", alice) + &user("bob", bob),
    };
    let text = TEXT.replace("{pbx}", &pbx.to_string());
    parse(Path::new("the demo's configuration"), &text, &embedded)
        .map_err(|problems| problems.to_string())
}

/// The file of users that the text below names.
struct Embedded {
    users: String,
}

impl Environment for Embedded {
    fn read(&self, _: &Path) -> io::Result<String> {
        Ok(self.users.clone())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn addresses(&self) -> Vec<IpAddr> {
        Vec::new()
    }
}

/// One worker: the order in which it sees messages is the order in which they are drawn.
const TEXT: &str = r#"
[server]
domains = ["bellhop.test"]
workers = 1

[[listen]]
name = "udp"
bind = "udp:127.0.0.1:0"

[[upstream]]
name = "pbx"
targets = ["sip:{pbx}"]
trusted = true

[auth]
realm = "bellhop.test"
users = { file = "(made at the start)" }

[route]
default = "pbx"
"#;
