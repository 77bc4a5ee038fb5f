//! Files sent as datagrams at a rate, whatever they hold; answers are only counted.

use crate::args::Cfg;
use crate::net::{RxBuf, Udp};
use crate::procfs;
use crate::stats::Stats;
use std::io;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

pub(crate) fn run(cfg: &Cfg) -> io::Result<Stats> {
    let load = |f: &String| {
        std::fs::read(f).map(|mut d| {
            d.truncate(65_507);
            d
        })
    };
    let data = cfg.files.iter().map(load).collect::<io::Result<Vec<_>>>()?;
    if data.is_empty() {
        return Err(io::Error::other("flood needs files"));
    }
    let mut udp = Udp::bind(SocketAddrV4::new(cfg.ip, cfg.port))?;
    let mut rx = RxBuf::default();
    let total = cfg.count.unwrap_or((cfg.rate * cfg.duration) as u64);
    let mut s = Stats {
        offered_rate: cfg.rate,
        ..Stats::default()
    };
    let before = procfs::usage(&cfg.pids, false);
    let start = Instant::now();
    while s.sent < total {
        let due = ((start.elapsed().as_secs_f64() * cfg.rate) as u64 + 1).min(total);
        while s.sent < due {
            udp.send(cfg.server, &data[s.sent as usize % data.len()]);
            s.sent += 1;
        }
        udp.flush();
        s.received += udp.recv(0, &mut rx) as u64;
        std::thread::sleep(cfg.slice.min(Duration::from_millis(1)));
    }
    s.seconds = start.elapsed().as_secs_f64();
    let end = Instant::now();
    while end.elapsed().as_secs_f64() < cfg.drain.min(1.0) {
        s.received += udp.recv(0, &mut rx) as u64;
        std::thread::sleep(Duration::from_millis(1));
    }
    (s.started, s.ok, s.lost_at_send) = (total, total - udp.lost, udp.lost);
    if !cfg.pids.is_empty() {
        let after = procfs::usage(&cfg.pids, true);
        s.rss_peak_kb = after.rss_kb;
        s.cpu = Some((before, after));
    }
    Ok(s)
}
