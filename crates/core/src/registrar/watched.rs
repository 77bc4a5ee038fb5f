//! Which AoRs' bindings somebody watches (RFC 3680): whoever changes bindings asks here whether to tell.

use super::{Aor, Binding, Location};
use ahash::RandomState;
use bellhop_wire::UriRef;
use std::{
    collections::HashSet,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The AoRs that are watched.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// How many. While nobody watches, this is all that a REGISTER looks at.
    count: AtomicUsize,
    aors: RwLock<HashSet<Aor, RandomState>>,
}

impl Location {
    /// From now on the bindings of an AoR are watched, or are not any more. A change that was made before is seen by
    /// whoever looks after this; one that is made later is told.
    pub(crate) fn watch(&self, aor: &Aor, is_watched: bool) {
        let mut aors = self
            .watched
            .aors
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if is_watched {
            aors.insert(aor.clone());
        } else {
            aors.remove(aor);
        }
        self.watched.count.store(aors.len(), Ordering::SeqCst);
    }

    /// Whether the bindings of an AoR are watched.
    pub(crate) fn is_watched(&self, aor: &Aor) -> bool {
        if !self.has_watched() {
            return false;
        }
        let aors = self.watched.aors.read();
        aors.unwrap_or_else(PoisonError::into_inner).contains(aor)
    }

    /// Whether any are.
    pub(crate) fn has_watched(&self) -> bool {
        self.watched.count.load(Ordering::SeqCst) > 0
    }
}

impl Binding {
    /// Whether a binding of the same AoR is this one, refreshed: the same registration of one device (RFC 5626 6), else
    /// the same contact (RFC 3261 19.1.4).
    pub(crate) fn is_one_with(&self, other: &Self) -> bool {
        if let (Some(instance), Some(reg_id)) = (self.instance(), self.reg_id)
            && other.reg_id.is_some()
        {
            return other.is_flow_of(instance, reg_id);
        }
        UriRef::parse(other.contact()).is_ok_and(|contact| self.is_contact(&contact))
    }
}
