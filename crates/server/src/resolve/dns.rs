//! The DNS client: one kind of record of one name at a time, each with a deadline. A name that is not
//! there, has no such record, or whose servers fail or are silent, all give no record: the next step of
//! the walk is due then.

use super::{LEAST, MOST};
use hickory_resolver::{
    TokioResolver,
    config::{ResolverConfig, ResolverOpts},
    net::runtime::TokioRuntimeProvider,
    proto::rr::{
        Name, RData, RecordType,
        rdata::{NAPTR, SRV},
    },
    system_conf::parse_resolv_conf,
};
use std::{
    net::IpAddr,
    time::{Duration, Instant},
};
use tokio::{join, time::timeout};

/// A DNS client, or none.
#[derive(Clone)]
pub(super) struct Dns {
    resolver: Option<TokioResolver>,
    step: Duration,
}

/// Records of one kind.
#[derive(Clone, Debug)]
pub(super) struct Records<T> {
    /// What they say.
    pub(super) list: Vec<T>,
    /// How long they may be believed.
    pub(super) good_for: Duration,
}

impl Dns {
    /// A client that knows nothing.
    pub(super) const fn none() -> Self {
        Self {
            resolver: None,
            step: Duration::ZERO,
        }
    }

    /// The client that the text of a `resolv.conf` describes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn of(text: &str, step: Duration) -> Result<Self, String> {
        let (config, options) = parse_resolv_conf(text).map_err(|error| error.to_string())?;
        Self::with(config, options, step)
    }

    /// A client of the servers in `config`.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn with(
        config: ResolverConfig,
        mut options: ResolverOpts,
        step: Duration,
    ) -> Result<Self, String> {
        // Two tries fit into a step: a lost datagram is no missing record.
        options.timeout = step.checked_div(2).unwrap_or(step);
        options.attempts = 1;
        options.positive_min_ttl = Some(LEAST);
        options.positive_max_ttl = Some(MOST);
        // What is repaired is found again at the next try.
        options.negative_min_ttl = Some(Duration::ZERO);
        options.negative_max_ttl = Some(NEGATIVE);
        options.cache_size = CACHE;
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        *builder.options_mut() = options;
        let resolver = builder.build().map_err(|error| error.to_string())?;
        Ok(Self {
            resolver: Some(resolver),
            step,
        })
    }

    /// Whether there is somebody to ask.
    #[cfg(test)]
    pub(super) const fn is_there(&self) -> bool {
        self.resolver.is_some()
    }

    /// NAPTR records.
    pub(super) async fn naptr(&self, name: Name) -> Records<NAPTR> {
        let is_naptr = |data: &RData| match data {
            RData::NAPTR(naptr) => Some(naptr.clone()),
            _ => None,
        };
        self.records(name, RecordType::NAPTR, is_naptr).await
    }

    /// SRV records.
    pub(super) async fn srv(&self, name: Name) -> Records<SRV> {
        let is_srv = |data: &RData| match data {
            RData::SRV(srv) => Some(srv.clone()),
            _ => None,
        };
        self.records(name, RecordType::SRV, is_srv).await
    }

    /// Addresses of the families asked for, IPv4 first.
    pub(super) async fn addresses(&self, name: Name, ipv4: bool, ipv6: bool) -> Records<IpAddr> {
        let is_a = |data: &RData| match data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            _ => None,
        };
        let is_aaaa = |data: &RData| match data {
            RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
            _ => None,
        };
        let of = |wanted: bool, kind| wanted.then(|| (name.clone(), kind));
        let (a, aaaa) = (of(ipv4, RecordType::A), of(ipv6, RecordType::AAAA));
        let (mut a, aaaa) = join!(self.if_any(a, is_a), self.if_any(aaaa, is_aaaa));
        a.list.extend(aaaa.list);
        a.good_for = a.good_for.min(aaaa.good_for);
        a
    }

    async fn if_any<T>(
        &self,
        wanted: Option<(Name, RecordType)>,
        pick: impl Fn(&RData) -> Option<T>,
    ) -> Records<T> {
        match wanted {
            Some((name, kind)) => self.records(name, kind, pick).await,
            None => Records::none(),
        }
    }

    async fn records<T>(
        &self,
        name: Name,
        kind: RecordType,
        pick: impl Fn(&RData) -> Option<T>,
    ) -> Records<T> {
        let Some(resolver) = &self.resolver else {
            return Records::none();
        };
        match timeout(self.step, resolver.lookup(name.clone(), kind)).await {
            Ok(Ok(found)) => Records {
                list: found
                    .answers()
                    .iter()
                    .filter_map(|r| pick(&r.data))
                    .collect(),
                good_for: found
                    .valid_until()
                    .saturating_duration_since(Instant::now()),
            },
            Ok(Err(error)) => {
                tracing::debug!(target: "bellhop::resolve", %name, %kind, %error, "no record");
                Records::none()
            }
            Err(_) => {
                tracing::debug!(target: "bellhop::resolve", %name, %kind, "no answer");
                Records::none()
            }
        }
    }
}

impl<T> Records<T> {
    const fn none() -> Self {
        Self {
            list: Vec::new(),
            good_for: MOST,
        }
    }
}

/// How long it is believed that there is no record, at most.
const NEGATIVE: Duration = Duration::from_secs(2);
/// Answers that are remembered.
const CACHE: u64 = 1_024;
