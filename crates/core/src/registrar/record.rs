//! Bindings as they outlive the program: with the wall clock's time in place of the program's, and without
//! what dies with it.

use super::{
    Aor, Binding, Bindings, Location,
    binding::{Part, Saying},
    location::Full,
};
use crate::{
    flow::Flow,
    time::{Instant, Now},
};
use bellhop_wire::UriRef;
use std::{sync::Arc, time::Duration};

/// One binding of an AoR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// [`Binding::contact`]
    pub contact: &'a [u8],
    /// [`Binding::params`]
    pub params: &'a [u8],
    /// [`Binding::call_id`]
    pub call_id: &'a [u8],
    /// [`Binding::path`]
    pub path: &'a [u8],
    /// [`Binding::instance`]
    pub instance: Option<&'a [u8]>,
    /// [`Binding::reg_id`]
    pub reg_id: Option<u32>,
    /// [`Binding::q`]
    pub q: u16,
    /// [`Binding::cseq`]
    pub cseq: u32,
    /// When it ends, since the Unix epoch.
    pub expires: Duration,
    /// When it was made or refreshed, since the Unix epoch.
    pub updated: Duration,
    /// Where its REGISTER came from; a connection is not kept, for it ends with the program.
    pub flow: Flow,
}

impl Binding {
    /// What is to be kept of it.
    pub fn record(&self, now: Now) -> Record<'_> {
        let left = self.remaining(now.instant);
        let age = now.instant.since(self.updated);
        Record {
            contact: self.contact(),
            params: self.params(),
            call_id: self.call_id(),
            path: self.path(),
            instance: self.instance(),
            reg_id: self.reg_id,
            q: self.q,
            cseq: self.cseq,
            expires: now.unix.saturating_add(left),
            updated: now.unix.saturating_sub(age),
            flow: Flow {
                connection: None,
                ..self.flow
            },
        }
    }
}

impl Location {
    /// Puts bindings back that an earlier program kept, at the end of those that the AoR has. Those whose time
    /// is up are left out, and so is what is no contact. How many were put back; `None`: there is no room.
    ///
    /// A phone behind a connection comes back without one: it can be reached only where we may open one to
    /// it, until it registers anew.
    pub fn restore(&self, now: Now, aor: &Aor, records: &[Record<'_>]) -> Option<usize> {
        let mut alive: Vec<&Record<'_>> = records.iter().filter(|r| r.expires > now.unix).collect();
        // The time of most of them lies before the program's start and cannot be told apart there; their order
        // can.
        alive.sort_by_key(|record| record.updated);
        let back = (1_u64..).zip(alive).filter_map(|(rank, record)| {
            self.restored(now, aor, record, Instant::from_micros(rank))
        });
        let back: Bindings = back.map(Arc::new).collect();
        let count = back.len();
        let put = self.change(now.instant, aor, |bindings| {
            bindings.extend(back);
            Ok::<(), Full>(())
        });
        put.is_ok().then_some(count)
    }

    fn restored(
        &self,
        now: Now,
        aor: &Aor,
        record: &Record<'_>,
        earliest: Instant,
    ) -> Option<Binding> {
        let uri = UriRef::parse(record.contact).ok()?;
        let mut saying = Saying::new();
        let parts = [
            (Part::Contact, record.contact),
            (Part::Params, record.params),
            (Part::CallId, record.call_id),
            (Part::Path, record.path),
        ];
        for (part, octets) in parts {
            saying.put(octets);
            saying.end(part);
        }
        if let Some(instance) = record.instance {
            saying.put_instance(instance);
        }
        let instance = record.instance.map(|instance| (instance, record.reg_id));
        let device = self.device(aor, instance, record.call_id);
        let said = saying.keep(None, || (self.contact_key(&uri), device));
        // A wall clock that was set back gives nobody more than he had been granted.
        let granted = record.expires.saturating_sub(record.updated);
        let left = record.expires.saturating_sub(now.unix).min(granted);
        let age = now.unix.saturating_sub(record.updated);
        let age = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        let updated = Instant::from_micros(now.instant.as_micros().saturating_sub(age));
        Some(Binding {
            said,
            q: record.q,
            expires: now.instant.after(left),
            grace: 0,
            cseq: record.cseq,
            flow: Flow {
                connection: None,
                ..record.flow
            },
            reg_id: record.reg_id,
            updated: updated.max(earliest),
        })
    }
}
