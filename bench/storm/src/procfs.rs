//! CPU time and memory of a set of processes and all their descendants.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::unistd::{SysconfVar, sysconf};
use std::collections::HashMap;
use std::fs;

#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Usage {
    pub(crate) cpu_s: f64,
    pub(crate) user_s: f64,
    pub(crate) processes: u32,
    pub(crate) rss_kb: u64,
    pub(crate) pss_kb: u64,
}

/// CPU seconds of this process so far.
pub(crate) fn own_cpu_s() -> f64 {
    let s = |t: TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |r| s(r.user_time()) + s(r.system_time()))
}

struct Stat {
    ppid: i32,
    user: u64,
    system: u64,
    rss_pages: u64,
}

/// Fields of /proc/PID/stat; the time of reaped children is counted with the parent's.
fn parse_stat(text: &str) -> Option<Stat> {
    let rest = &text[text.rfind(')')? + 1..];
    let f: Vec<&str> = rest.split_ascii_whitespace().collect();
    let num = |i: usize| f.get(i)?.parse::<u64>().ok();
    Some(Stat {
        ppid: f.get(1)?.parse().ok()?,
        user: num(11)? + num(13)?,
        system: num(12)? + num(14)?,
        rss_pages: num(21)?,
    })
}

fn all() -> HashMap<i32, Stat> {
    let mut out = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<i32>().ok())
        else {
            continue;
        };
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        out.extend(parse_stat(&text).map(|s| (pid, s)));
    }
    out
}

fn pss_kb(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("Pss:"));
    line.and_then(|l| l.trim().split(' ').next()?.parse().ok())
        .unwrap_or(0)
}

/// Totals of the processes `roots` and of everything below them. The proportional set
/// size walks page tables in the kernel, so it is read only when asked for.
pub(crate) fn usage(roots: &[i32], with_pss: bool) -> Usage {
    let all = all();
    let mut todo: Vec<i32> = roots.to_vec();
    let mut members: Vec<i32> = Vec::new();
    while let Some(pid) = todo.pop() {
        if !all.contains_key(&pid) || members.contains(&pid) {
            continue;
        }
        members.push(pid);
        todo.extend(all.iter().filter(|(_, s)| s.ppid == pid).map(|(p, _)| *p));
    }
    let system = |name| sysconf(name).ok().flatten().unwrap_or(0);
    let tick = system(SysconfVar::CLK_TCK).max(1) as f64;
    let page = system(SysconfVar::PAGE_SIZE) as u64;
    let mut u = Usage {
        processes: members.len() as u32,
        ..Usage::default()
    };
    for pid in members {
        let s = &all[&pid];
        u.user_s += s.user as f64 / tick;
        u.cpu_s += (s.user + s.system) as f64 / tick;
        u.rss_kb += s.rss_pages * page / 1024;
        if with_pss {
            u.pss_kb += pss_kb(pid);
        }
    }
    u
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_line() {
        let s = parse_stat("7 (a b) c) S 3 0 0 0 -1 0 1 2 3 4 10 20 30 40 20 0 1 0 99 1000 55 9")
            .unwrap();
        assert_eq!((s.ppid, s.user, s.system, s.rss_pages), (3, 40, 60, 55));
        assert!(parse_stat("").is_none());
    }

    #[test]
    fn own_process() {
        let u = usage(&[std::process::id() as i32], true);
        assert!(u.processes >= 1 && u.rss_kb > 100 && u.pss_kb > 100);
        assert_eq!(usage(&[], true).processes, 0);
    }
}
