//! Command line.

use crate::wire::Template;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
storm MODE [options]            one run
storm search MODE [options]     greatest sustained rate
MODE: register | call | subscribe | fanout | options | flood FILE.. | uas | floor

traffic   --server A:P (127.0.0.1:5060)  --rate N per second (100)  --duration S (5)
          --count N (instead of a duration)  --warmup S (0)  --drain S (3)  --tcp  --sockets N (1)
identity  --users N (1000)  --user T (user%05d)  --password T (secret; may hold %05d)
          --domain D (server address)  --ruri URI (sip:USER@DOMAIN; may hold %05d)  --expires S (3600)
          --contact-port P (own port)  --ip A (127.0.0.1)  --port P (any)
answerer  --uas-port P (5090)  --uas-ip A (127.0.0.1)  --no-uas (another process answers)
flow      --refresh (register: keep the nonce)  --prime-rate N (2000)  --hold MS (0)
timing    --t1 MS (500)  --timeout MS (32000)  --slice-us N (1000)  --nap-us N (200)
          --wait nap|poll|spin (nap)
fanout    a watcher for each of --sockets; --rate counts NOTIFYs that reach one
report    --json  --pid P[,P]  --label TEXT
search    --from N (500)  --to N (200000)  --step S (4)  --tolerance F (0.03)  --tries N (2)
floor     --listen A:P (127.0.0.1:5070)  --batch N (1: recvfrom and sendto)";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Register,
    Call,
    Subscribe,
    Fanout,
    Options,
    Flood,
    Uas,
    Floor,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    Nap,
    Poll,
    Spin,
}

pub(crate) struct Cfg {
    pub(crate) mode: Mode,
    pub(crate) search: bool,
    pub(crate) server: SocketAddrV4,
    pub(crate) rate: f64,
    pub(crate) duration: f64,
    pub(crate) count: Option<u64>,
    pub(crate) warmup: f64,
    pub(crate) drain: f64,
    pub(crate) tcp: bool,
    pub(crate) sockets: u32,
    pub(crate) users: u32,
    pub(crate) user: Template,
    pub(crate) password: Template,
    pub(crate) domain: String,
    pub(crate) ruri: Template,
    pub(crate) expires: u64,
    pub(crate) contact_port: Option<u16>,
    pub(crate) ip: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) uas_port: u16,
    pub(crate) uas_ip: Ipv4Addr,
    pub(crate) own_uas: bool,
    pub(crate) refresh: bool,
    pub(crate) prime_rate: f64,
    pub(crate) hold: Duration,
    pub(crate) t1: Duration,
    pub(crate) timeout: Duration,
    pub(crate) slice: Duration,
    pub(crate) nap: Duration,
    pub(crate) wait: Wait,
    pub(crate) json: bool,
    pub(crate) pids: Vec<i32>,
    pub(crate) label: String,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) step: f64,
    pub(crate) tolerance: f64,
    pub(crate) tries: u32,
    pub(crate) listen: SocketAddrV4,
    pub(crate) batch: usize,
    pub(crate) files: Vec<String>,
}

struct Opts {
    pairs: Vec<(String, String)>,
}

const FLAGS: [&str; 5] = ["tcp", "no-uas", "refresh", "json", "help"];

impl Opts {
    fn text(&mut self, name: &str) -> Option<String> {
        let i = self.pairs.iter().rposition(|(n, _)| n == name)?;
        let value = self.pairs[i].1.clone();
        self.pairs.retain(|(n, _)| n != name);
        Some(value)
    }

    fn get<T: FromStr>(&mut self, name: &str, default: T) -> Result<T, String> {
        match self.text(name) {
            Some(v) => v.parse().map_err(|_| format!("--{name}: bad value '{v}'")),
            None => Ok(default),
        }
    }

    fn optional<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        let parse = |v: String| v.parse().map_err(|_| format!("--{name}: bad value '{v}'"));
        self.text(name).map(parse).transpose()
    }

    fn flag(&mut self, name: &str) -> bool {
        self.text(name).is_some()
    }

    fn ms(&mut self, name: &str, default: u64) -> Result<Duration, String> {
        Ok(Duration::from_millis(self.get(name, default)?))
    }

    fn us(&mut self, name: &str, default: u64) -> Result<Duration, String> {
        Ok(Duration::from_micros(self.get(name, default)?))
    }
}

pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Cfg, String> {
    let (mut words, mut o) = (Vec::new(), Opts { pairs: Vec::new() });
    let mut args = args;
    while let Some(a) = args.next() {
        match a.strip_prefix("--") {
            Some(f) if FLAGS.contains(&f) => o.pairs.push((f.into(), String::new())),
            Some(n) => o
                .pairs
                .push((n.into(), args.next().ok_or(format!("--{n} needs a value"))?)),
            None => words.push(a),
        }
    }
    let search = words.first().is_some_and(|w| w == "search");
    let mut words = words.into_iter().skip(usize::from(search));
    let mode = match words.next().as_deref() {
        Some("register") => Mode::Register,
        Some("call") => Mode::Call,
        Some("subscribe") => Mode::Subscribe,
        Some("fanout") => Mode::Fanout,
        Some("options") => Mode::Options,
        Some("flood") => Mode::Flood,
        Some("uas") => Mode::Uas,
        Some("floor") => Mode::Floor,
        _ => return Err(USAGE.into()),
    };
    if o.flag("help") {
        return Err(USAGE.into());
    }
    let local = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let server = o.get("server", local(5060))?;
    let domain = o.text("domain").unwrap_or_else(|| server.ip().to_string());
    let user = o.text("user").unwrap_or_else(|| "user%05d".into());
    let ruri = o
        .text("ruri")
        .unwrap_or_else(|| format!("sip:{user}@{domain}"));
    let pids = o.text("pid").unwrap_or_default();
    let pids = pids.split([',', ' ']).filter(|p| !p.is_empty());
    let cfg = Cfg {
        mode,
        search,
        server,
        rate: o.get("rate", 100.0)?,
        duration: o.get("duration", 5.0)?,
        count: o.optional("count")?,
        warmup: o.get("warmup", 0.0)?,
        drain: o.get("drain", 3.0)?,
        tcp: o.flag("tcp"),
        sockets: o.get("sockets", 1)?,
        users: o.get("users", 1000)?,
        user: Template::new(&user),
        password: Template::new(&o.text("password").unwrap_or_else(|| "secret".into())),
        domain,
        ruri: Template::new(&ruri),
        expires: o.get("expires", 3600)?,
        contact_port: o.optional("contact-port")?,
        ip: o.get("ip", Ipv4Addr::LOCALHOST)?,
        port: o.get("port", 0)?,
        uas_port: o.get("uas-port", 5090)?,
        uas_ip: o.get("uas-ip", Ipv4Addr::LOCALHOST)?,
        own_uas: !o.flag("no-uas"),
        refresh: o.flag("refresh"),
        prime_rate: o.get("prime-rate", 2000.0)?,
        hold: o.ms("hold", 0)?,
        t1: o.ms("t1", 500)?,
        timeout: o.ms("timeout", 32000)?,
        slice: o.us("slice-us", 1000)?,
        nap: o.us("nap-us", 200)?,
        wait: match o.text("wait").as_deref() {
            None | Some("nap") => Wait::Nap,
            Some("poll") => Wait::Poll,
            Some("spin") => Wait::Spin,
            Some(w) => return Err(format!("--wait: bad value '{w}'")),
        },
        json: o.flag("json"),
        pids: pids
            .map(|p| p.parse().map_err(|_| format!("--pid: bad value '{p}'")))
            .collect::<Result<_, _>>()?,
        label: o.text("label").unwrap_or_default(),
        from: o.get("from", 500.0)?,
        to: o.get("to", 200_000.0)?,
        step: o.get("step", 4.0)?,
        tolerance: o.get("tolerance", 0.03)?,
        tries: o.get("tries", 2)?,
        listen: o.get("listen", local(5070))?,
        batch: o.get("batch", 1)?,
        files: words.collect(),
    };
    match o.pairs.first() {
        Some((name, _)) => Err(format!("unknown option --{name}\n{USAGE}")),
        None if cfg.search && cfg.mode == Mode::Fanout => Err("fanout is not searched".into()),
        None if cfg.users == 0 || cfg.rate <= 0.0 || cfg.slice.is_zero() => {
            Err("zero users, rate or slice".into())
        }
        None => Ok(cfg),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(line: &str) -> Result<Cfg, String> {
        parse(line.split(' ').map(str::to_string))
    }

    #[test]
    fn options() {
        let c = p("search register --rate 12.5 --refresh --pid 1,2 --server 127.0.0.2:5 --users 9")
            .unwrap();
        assert!(c.search && c.refresh && c.mode == Mode::Register && c.rate == 12.5);
        assert_eq!(
            (c.pids, c.users, c.domain.as_str()),
            (vec![1, 2], 9, "127.0.0.2")
        );
        assert_eq!(c.ruri.make(3), b"sip:user00003@127.0.0.2");
        assert_eq!(p("flood a b --rate 2").unwrap().files, ["a", "b"]);
    }

    #[test]
    fn mistakes() {
        for bad in [
            "",
            "nothing",
            "call --rate",
            "call --rate x",
            "call --unknown 1",
            "call --users 0",
            "search fanout",
        ] {
            assert!(p(bad).is_err(), "{bad}");
        }
    }
}
