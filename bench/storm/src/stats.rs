//! What a run counted, and how it is printed.

use crate::args::{Cfg, Mode};
use crate::hist::Hist;
use crate::procfs::Usage;

#[derive(Default)]
pub(crate) struct Stats {
    pub(crate) offered_rate: f64,
    pub(crate) started: u64,
    pub(crate) ok: u64,
    /// Failures by class of the final response; [3] counts 3xx, and so on to 6xx.
    pub(crate) by_class: [u64; 7],
    pub(crate) timeouts: u64,
    pub(crate) retransmits: u64,
    pub(crate) challenges: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) lost_at_send: u64,
    pub(crate) seconds: f64,
    /// From the intended start to the final success (for a call: to the 200 of INVITE).
    pub(crate) latency: Hist,
    /// Greatest delay of this program's own clock slices, in milliseconds.
    pub(crate) lag_ms: f64,
    /// CPU seconds of this program.
    pub(crate) own_cpu_s: f64,
    pub(crate) cpu: Option<(Usage, Usage)>,
    pub(crate) rss_peak_kb: u64,
}

impl Stats {
    pub(crate) fn failed(&self) -> u64 {
        self.by_class.iter().sum::<u64>() + self.timeouts
    }

    /// Adds what the answerer counted between two readings.
    pub(crate) fn add_uas(&mut self, before: [u64; 3], after: [u64; 3]) {
        self.received += after[0] - before[0];
        self.sent += after[1] - before[1];
        self.retransmits += after[2] - before[2];
    }

    pub(crate) fn messages(&self) -> u64 {
        self.sent + self.received
    }

    pub(crate) fn cpu_s(&self) -> f64 {
        self.cpu.map_or(0.0, |(a, b)| b.cpu_s - a.cpu_s)
    }

    pub(crate) fn cpu_us_each(&self) -> f64 {
        self.cpu_s() * 1e6 / self.ok.max(1) as f64
    }

    fn cpu_us_message(&self) -> f64 {
        self.cpu_s() * 1e6 / self.messages().max(1) as f64
    }

    fn user_share(&self) -> f64 {
        let user = self.cpu.map_or(0.0, |(a, b)| b.user_s - a.user_s);
        if self.cpu_s() > 0.0 {
            user / self.cpu_s()
        } else {
            0.0
        }
    }

    fn achieved(&self) -> f64 {
        self.ok as f64 / self.seconds.max(1e-9)
    }

    /// The bar of `search`: 99.9 % success, below 0.1 % retransmits, p99 below 50 ms.
    pub(crate) fn sustained(&self) -> bool {
        self.started > 0
            && self.ok as f64 >= 0.999 * self.started as f64
            && (self.retransmits as f64) < 0.001 * self.started as f64
            && self.latency.quantile_ms(0.99) < 50.0
    }

    fn percentiles(&self) -> [(&'static str, f64); 5] {
        let h = &self.latency;
        [
            ("p50", h.quantile_ms(0.5)),
            ("p90", h.quantile_ms(0.9)),
            ("p99", h.quantile_ms(0.99)),
            ("p99.9", h.quantile_ms(0.999)),
            ("max", h.max_ms()),
        ]
    }

    pub(crate) fn print(&self, cfg: &Cfg) {
        if cfg.json {
            println!("{}", self.json(cfg));
            return;
        }
        let name = name(cfg.mode, cfg.refresh);
        println!("{name} {}", cfg.label);
        println!(
            "  rate/s      offered {:.1}  achieved {:.1}  in {:.3} s",
            self.offered_rate,
            self.achieved(),
            self.seconds
        );
        println!(
            "  outcome     started {}  ok {}  failed {}  (3xx {} 4xx {} 5xx {} 6xx {} timeout {})",
            self.started,
            self.ok,
            self.failed(),
            self.by_class[3],
            self.by_class[4],
            self.by_class[5],
            self.by_class[6],
            self.timeouts
        );
        println!(
            "  traffic     sent {}  received {}  retransmits {}  challenges {}  lost at send {}",
            self.sent, self.received, self.retransmits, self.challenges, self.lost_at_send
        );
        let ms: Vec<String> = self
            .percentiles()
            .iter()
            .map(|(n, v)| format!("{n} {v:.3}"))
            .collect();
        println!(
            "  latency ms  {}  (own lag max {:.1}, own cpu {:.0}%)",
            ms.join("  "),
            self.lag_ms,
            self.own_cpu_s * 100.0 / self.seconds.max(1e-9)
        );
        if let Some((_, b)) = self.cpu {
            println!(
                "  server      cpu {:.2} s ({:.0}% user)  {:.2} us/transaction  {:.2} us/message  {} processes",
                self.cpu_s(),
                self.user_share() * 100.0,
                self.cpu_us_each(),
                self.cpu_us_message(),
                b.processes
            );
            println!(
                "  memory MB   rss sum peak {:.1}  pss sum {:.1}",
                self.rss_peak_kb as f64 / 1024.0,
                b.pss_kb as f64 / 1024.0
            );
        }
    }

    pub(crate) fn json(&self, cfg: &Cfg) -> String {
        let mut s = format!(
            "{{\"label\":\"{}\",\"mode\":\"{}\",\"offered\":{:.1},\"achieved\":{:.1},\"seconds\":{:.3},\"started\":{},\
             \"ok\":{},\"failed\":{},\"c4xx\":{},\"c5xx\":{},\"timeouts\":{},\"retransmits\":{},\"challenges\":{},\
             \"sent\":{},\"received\":{},\"lost_at_send\":{},\"lag_ms\":{:.2},\"own_cpu_s\":{:.3}",
            cfg.label.replace(['"', '\\'], "'"),
            name(cfg.mode, cfg.refresh),
            self.offered_rate,
            self.achieved(),
            self.seconds,
            self.started,
            self.ok,
            self.failed(),
            self.by_class[4],
            self.by_class[5],
            self.timeouts,
            self.retransmits,
            self.challenges,
            self.sent,
            self.received,
            self.lost_at_send,
            self.lag_ms,
            self.own_cpu_s,
        );
        for (n, v) in self.percentiles() {
            s += &format!(",\"{}_ms\":{v:.3}", n.replace('.', "_"));
        }
        if let Some((_, b)) = self.cpu {
            s += &format!(
                ",\"cpu_s\":{:.2},\"user_share\":{:.3},\"cpu_us_transaction\":{:.3},\"cpu_us_message\":{:.3},\
                 \"processes\":{},\"rss_peak_mb\":{:.1},\"pss_mb\":{:.1}",
                self.cpu_s(),
                self.user_share(),
                self.cpu_us_each(),
                self.cpu_us_message(),
                b.processes,
                self.rss_peak_kb as f64 / 1024.0,
                b.pss_kb as f64 / 1024.0,
            );
        }
        s + "}"
    }
}

pub(crate) fn name(mode: Mode, refresh: bool) -> &'static str {
    match mode {
        Mode::Register if refresh => "refresh",
        Mode::Register => "register",
        Mode::Call => "call",
        Mode::Subscribe => "subscribe",
        Mode::Fanout => "fanout",
        Mode::Options => "options",
        Mode::Flood => "flood",
        Mode::Uas => "uas",
        Mode::Floor => "floor",
    }
}
