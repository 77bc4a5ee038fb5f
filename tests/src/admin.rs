//! A client of the program's admin port, written without a look at its own, and a reader of what Prometheus
//! reads that takes nothing else.

use crate::bellhop;
use crate::lane::Lane;
use crate::process;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Where the port is.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    address: SocketAddr,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
}

/// Samples by name and labels.
#[derive(Clone, Debug)]
pub struct Metrics(BTreeMap<String, f64>);

impl Admin {
    /// The port of this lane's Bellhop.
    pub fn of(lane: &Lane) -> Self {
        Self {
            address: SocketAddr::new(lane.bellhop().ip(), 8060),
        }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As ctl wants it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// GETs a path.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[])
    }

    /// Asks, with header lines.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn ask(&self, method: &str, path: &str, lines: &[&str]) -> Reply {
        self.with_host(&self.address.to_string(), method, path, lines)
    }

    /// Asks in the name of a host.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn with_host(&self, host: &str, method: &str, path: &str, lines: &[&str]) -> Reply {
        let reply = self.talk(host, method, path, lines);
        reply.unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// GETs a path of a port that may not be there yet.
    pub fn try_get(&self, path: &str) -> Option<Reply> {
        self.talk(&self.address.to_string(), "GET", path, &[]).ok()
    }

    /// What `bellhop ctl` prints.
    ///
    /// # Panics
    /// If it fails.
    pub fn ctl(&self, words: &[&str]) -> String {
        let mut program = process::command(bellhop::binary());
        program
            .arg("ctl")
            .args(words)
            .args(["--admin", &self.url()]);
        let (is_good, said) = process::run("ctl", program, PATIENCE);
        assert!(is_good, "{words:?}: {said}");
        said
    }

    /// What Prometheus would read.
    ///
    /// # Panics
    /// If it could not.
    pub fn metrics(&self) -> Metrics {
        Metrics::parse(&self.get("/metrics").body)
    }

    fn talk(&self, host: &str, method: &str, path: &str, lines: &[&str]) -> std::io::Result<Reply> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        for line in lines {
            request += &format!("{line}\r\n");
        }
        stream.write_all((request + "\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Ok(Reply {
            status: status.ok_or(std::io::ErrorKind::InvalidData)?,
            body: body.to_owned(),
        })
    }
}

impl Metrics {
    /// Reads the text format 0.0.4: each family has its HELP, its TYPE, and samples of its own right after.
    ///
    /// # Panics
    /// On anything else.
    pub fn parse(text: &str) -> Self {
        let (mut samples, mut families) = (BTreeMap::new(), BTreeMap::new());
        let mut family = "";
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a help");
                assert!(!help.is_empty() && !families.contains_key(name), "{line}");
                family = name;
                continue;
            }
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a type");
                assert_eq!(name, family, "{line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                families.insert(name, kind);
                continue;
            }
            let (name, value) = line.rsplit_once(' ').expect("a sample");
            let bare = name.split('{').next().unwrap_or_default();
            let rest = bare.strip_prefix(family);
            let suffixes: &[&str] = match families.get(family) {
                Some(&"histogram") => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(
                rest.is_some_and(|rest| suffixes.contains(&rest)),
                "{family}: {line}"
            );
            let value: f64 = value.parse().unwrap_or_else(|e| panic!("{e}: {line}"));
            let twice = samples.insert(name.to_owned(), value);
            assert!(twice.is_none(), "twice: {line}");
        }
        assert!(!samples.is_empty(), "{text:?}");
        Self(samples)
    }

    /// A sample's value; 0 if there is none, as a counter that has not counted yet.
    pub fn value(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// The sum of a family's samples.
    pub fn sum(&self, family: &str) -> f64 {
        let is_its = |name: &str| name.split('{').next() == Some(family);
        let samples = self.0.iter().filter(|(name, _)| is_its(name));
        samples.map(|(_, value)| value).sum()
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prometheus_reads_is_read() {
        let text = "# HELP a_total As.\n# TYPE a_total counter\na_total{x=\"b c\"} 3\n";
        assert_eq!(Metrics::parse(text).value("a_total{x=\"b c\"}") as u64, 3);
    }

    #[test]
    #[should_panic(expected = "b_total 1")]
    fn a_sample_without_its_family_is_not() {
        Metrics::parse("# HELP a_total As.\n# TYPE a_total counter\nb_total 1\n");
    }
}
