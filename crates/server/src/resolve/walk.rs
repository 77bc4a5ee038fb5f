//! From a name to places (RFC 3263 4.1, 4.2): NAPTR, SRV, A and AAAA, and at last the system's own
//! resolver, which knows /etc/hosts. A step that gives nothing, for whatever reason, leads on to the next.

use super::{
    Answer, Asker, Inner, Place, Question,
    dns::{Dns, Records},
    locked, srv,
};
use bellhop_core::flow::Transport;
use hickory_resolver::proto::rr::{
    Name,
    rdata::{NAPTR, SRV},
};
use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use tokio::{net::lookup_host, task::JoinSet};

/// Looks up `question`; what is found is in `answer` at once, should the time run out.
pub(super) async fn walk(
    inner: &Inner,
    dns: Dns,
    question: &Question,
    asker: Asker,
    answer: &mut Answer,
) {
    let host = question.host.trim_matches(['[', ']']);
    let transport = question.transport;
    let transport = transport.unwrap_or_else(|| inner.reach.default_transport());
    let port = question.port.unwrap_or(transport.default_port());
    let mut walk = Walk { inner, dns, answer };
    if let Ok(ip) = host.parse::<IpAddr>() {
        return walk.found(transport, SocketAddr::new(ip, port));
    }
    let Some(name) = name("", host) else {
        return;
    };
    let is_there = match (question.port, question.transport) {
        (Some(_), _) => true,
        (None, Some(transport)) => walk.by_service(host, &[transport]).await,
        (None, None) => walk.by_naptr(host, &name).await,
    };
    if !is_there || walk.is_done() {
        return;
    }
    walk.by_address(name, transport, port).await;
    if !walk.is_done() {
        walk.by_system(host, transport, port, asker).await;
    }
}

struct Walk<'a> {
    inner: &'a Inner,
    dns: Dns,
    answer: &'a mut Answer,
}

impl Walk<'_> {
    /// NAPTR records, then the SRV records that they name; or those of the transports we have, if there
    /// are none. Whether the domain may still have something for us.
    async fn by_naptr(&mut self, host: &str, name: &Name) -> bool {
        let naptrs = self.dns.naptr(name.clone()).await;
        let able = |record: &NAPTR| {
            let transport = transport_of(record)?;
            let is_able = self.inner.reach.transports.contains(&transport);
            is_able.then(|| (transport, record.replacement.clone()))
        };
        let mut records = naptrs.list.clone();
        records.sort_by_key(|record| (record.order, record.preference));
        let services: Vec<_> = records.iter().filter_map(able).take(MOST_RECORDS).collect();
        if !services.is_empty() {
            self.believe(&naptrs);
            let goes_on = self.by_srv(services).await;
            if !goes_on || self.is_done() {
                return goes_on;
            }
        }
        let inner = self.inner;
        self.by_service(host, &inner.reach.transports).await
    }

    /// The SRV records of a host for these transports.
    async fn by_service(&mut self, host: &str, transports: &[Transport]) -> bool {
        let service = |transport: &Transport| {
            let service = name(service(*transport)?, host)?;
            Some((*transport, service))
        };
        self.by_srv(transports.iter().filter_map(service).collect())
            .await
    }

    /// The targets of SRV records, transport after transport. Whether the domain may still have
    /// something for us: a target of `.` says that it does not (RFC 2782).
    async fn by_srv(&mut self, services: Vec<(Transport, Name)>) -> bool {
        let (mut targets, mut is_refused) = (Vec::new(), false);
        let ask = |(transport, name): (Transport, Name)| {
            let dns = self.dns.clone();
            async move { (transport, dns.srv(name).await) }
        };
        for (transport, records) in together(services.into_iter().map(ask)).await {
            if records.list.is_empty() {
                continue;
            }
            self.believe(&records);
            let mut list = records.list;
            list.retain(|record| !record.target.is_root());
            is_refused |= list.is_empty();
            let mut entropy = locked(&self.inner.entropy);
            let ordered = srv::in_order(list, &mut **entropy);
            targets.extend(ordered.into_iter().map(|record| (transport, record)));
        }
        if targets.is_empty() {
            return !is_refused;
        }
        targets.truncate(MOST_RECORDS);
        let reach = &self.inner.reach;
        let ask = |(transport, record): (Transport, SRV)| {
            let (dns, ipv4, ipv6) = (self.dns.clone(), reach.ipv4, reach.ipv6);
            async move {
                let found = dns.addresses(record.target, ipv4, ipv6).await;
                (transport, record.port, found)
            }
        };
        for (transport, port, addresses) in together(targets.into_iter().map(ask)).await {
            self.addresses(transport, port, addresses);
        }
        true
    }

    /// A and AAAA.
    async fn by_address(&mut self, name: Name, transport: Transport, port: u16) {
        let reach = &self.inner.reach;
        let found = self.dns.addresses(name, reach.ipv4, reach.ipv6).await;
        self.addresses(transport, port, found);
    }

    /// The system's own resolver. It runs in a thread that goes on when we have stopped waiting, so
    /// there may be so many only; requests leave some for the upstreams.
    async fn by_system(&mut self, host: &str, transport: Transport, port: u16, asker: Asker) {
        let threads = &self.inner.threads;
        if asker == Asker::Request && threads.available_permits() <= RESERVED_THREADS {
            return;
        }
        let Ok(permit) = Arc::clone(threads).try_acquire_owned() else {
            return;
        };
        let host = host.to_owned();
        let task = tokio::spawn(async move {
            let _permit = permit;
            let found = lookup_host((host.as_str(), port)).await;
            found.map(Iterator::collect::<Vec<_>>)
        });
        match task.await {
            Ok(Ok(addresses)) => {
                for address in addresses {
                    self.found(transport, address);
                }
            }
            Ok(Err(error)) => {
                tracing::debug!(target: "bellhop::resolve", %error, "the system does not know it");
            }
            Err(_) => {}
        }
    }

    fn addresses(&mut self, transport: Transport, port: u16, addresses: Records<IpAddr>) {
        if !addresses.list.is_empty() {
            self.believe(&addresses);
        }
        for ip in addresses.list {
            self.found(transport, SocketAddr::new(ip, port));
        }
    }

    fn found(&mut self, transport: Transport, address: SocketAddr) {
        let place: Place = (transport, address);
        let places = &mut self.answer.places;
        let is_new = places.len() < MOST_PLACES && !places.contains(&place);
        if is_new && self.inner.reach.has_family_of(&address) {
            places.push(place);
        }
    }

    fn believe<T>(&mut self, records: &Records<T>) {
        self.answer.good_for = self.answer.good_for.min(records.good_for);
    }

    const fn is_done(&self) -> bool {
        !self.answer.places.is_empty()
    }
}

/// The name in DNS of a host, or of a service of it. A host with a dot is taken as it is; one without is
/// for the system's search list, where containers have the names of their neighbours.
fn name(service: &str, host: &str) -> Option<Name> {
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if !host.bytes().all(is_host) {
        return None;
    }
    let mut name = Name::from_ascii(format!("{service}{host}")).ok()?;
    if host.contains('.') {
        name.set_fqdn(true);
    }
    Some(name)
}

/// How the names of SRV records begin for a transport (RFC 3263 4.1); WebSocket has none (RFC 7118).
const fn service(transport: Transport) -> Option<&'static str> {
    match transport {
        Transport::Udp => Some("_sip._udp."),
        Transport::Tcp => Some("_sip._tcp."),
        Transport::Tls => Some("_sips._tcp."),
        Transport::Ws | Transport::Wss => None,
    }
}

/// The transport that a NAPTR record leads to by SRV records, if it is one of SIP's.
fn transport_of(record: &NAPTR) -> Option<Transport> {
    let known = [
        ("SIP+D2U", Transport::Udp),
        ("SIP+D2T", Transport::Tcp),
        ("SIPS+D2T", Transport::Tls),
    ];
    let is = |text: &str| record.services.eq_ignore_ascii_case(text.as_bytes());
    let leads_to_srv = record.flags.eq_ignore_ascii_case(b"s");
    let found = known.into_iter().find(|(text, _)| leads_to_srv && is(text));
    found.map(|(_, transport)| transport)
}

/// Runs them at the same time; their results in the order in which they were given.
async fn together<T: Send + 'static>(
    tasks: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut set = JoinSet::new();
    for (place, task) in tasks.enumerate() {
        set.spawn(async move { (place, task.await) });
    }
    let mut results = Vec::new();
    while let Some(result) = set.join_next().await {
        results.extend(result.ok());
    }
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Records of one kind that are followed.
const MOST_RECORDS: usize = 16;
/// Places of one name that are told.
const MOST_PLACES: usize = 32;
/// Threads that are kept for the upstreams' names.
const RESERVED_THREADS: usize = 16;
