//! A name server on loopback. Its zone is written as lines `NAME TYPE DATA`, where DATA may also be
//! `servfail` or `silence`. Another type of a name in the zone has no data; another name does not exist.

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, AAAA, NAPTR, SRV},
    },
};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::net::UdpSocket;

pub(super) struct NameServer {
    at: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    zone: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    pub(super) async fn start(zone: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            at: socket.local_addr().unwrap(),
            asked: Arc::default(),
            zone: Arc::default(),
        };
        server.says(zone);
        let (asked, zone) = (Arc::clone(&server.asked), Arc::clone(&server.zone));
        tokio::spawn(async move {
            let mut buffer = [0; 2048];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let query = Message::from_vec(&buffer[..length]).unwrap();
                let question = &query.queries[0];
                let name = question.name().to_lowercase().to_ascii();
                let name = name.trim_end_matches('.').to_owned();
                let kind = question.query_type();
                asked.lock().unwrap().push(format!("{name} {kind}"));
                let answer = answer(&zone.lock().unwrap(), &query, &name, kind);
                if let Some(answer) = answer {
                    socket
                        .send_to(&answer.to_vec().unwrap(), from)
                        .await
                        .unwrap();
                }
            }
        });
        server
    }

    /// The zone from now on.
    pub(super) fn says(&self, zone: &str) {
        let lines = zone.lines().map(str::trim).filter(|line| !line.is_empty());
        *self.zone.lock().unwrap() = lines.map(str::to_owned).collect();
    }

    /// What was asked so far, `name TYPE`, in order.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn config(&self) -> ResolverConfig {
        let mut connection = ConnectionConfig::udp();
        connection.port = self.at.port();
        let server = NameServerConfig::new(self.at.ip(), true, vec![connection]);
        let search = vec![Name::from_ascii("lan.example.").unwrap()];
        ResolverConfig::from_parts(None, search, vec![server])
    }

    /// As in a container: `options ndots:5`.
    pub(super) fn options(&self) -> ResolverOpts {
        let mut options = ResolverOpts::default();
        options.ndots = 5;
        options
    }
}

fn answer(zone: &[String], query: &Message, name: &str, kind: RecordType) -> Option<Message> {
    let mut answer = query.clone().into_response();
    answer.metadata.recursion_available = true;
    let mut is_known = false;
    for line in zone {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0] != name {
            continue;
        }
        is_known = true;
        if words[1] != kind.to_string() {
            continue;
        }
        match words[2] {
            "silence" => return None,
            "servfail" => answer.metadata.response_code = ResponseCode::ServFail,
            _ => {
                let (data, ttl) = data(&words[1..]);
                let owner = query.queries[0].name().clone();
                answer.add_answer(Record::from_rdata(owner, ttl, data));
            }
        }
    }
    if !is_known {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    Some(answer)
}

/// The data of a record, and its TTL if one stands at the end as `ttl=SECONDS`.
fn data(words: &[&str]) -> (RData, u32) {
    let number = |at: usize| words[at].parse::<u16>().unwrap();
    let name = |at: usize| match words[at] {
        "." => Name::root(),
        text => Name::from_ascii(format!("{text}.")).unwrap(),
    };
    let text = |at: usize| words[at].as_bytes().to_vec().into_boxed_slice();
    let data = match words[0] {
        "A" => RData::A(A(words[1].parse().unwrap())),
        "AAAA" => RData::AAAA(AAAA(words[1].parse().unwrap())),
        "SRV" => RData::SRV(SRV::new(number(1), number(2), number(3), name(4))),
        "NAPTR" => RData::NAPTR(NAPTR::new(
            number(1),
            number(2),
            text(3),
            text(4),
            Box::default(),
            name(5),
        )),
        other => panic!("{other}"),
    };
    let ttl = words.last().and_then(|word| word.strip_prefix("ttl="));
    (data, ttl.map_or(60, |ttl| ttl.parse().unwrap()))
}
