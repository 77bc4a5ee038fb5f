//! What a plugin sees of the world in tests, and the host calls that show it.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use super::store::Store;
use crate::{
    call::Mode,
    http::{Error, Request, Response},
    locations::Binding,
    upstreams::Member,
};

/// How a web service answers in a test.
type Service = Box<dyn FnMut(&Request) -> Result<Response, Error>>;

/// All that the host calls answer from. Shared by the workers of one test.
pub(super) struct World {
    pub(super) now_ms: Cell<u64>,
    pub(super) phase: Cell<Phase>,
    pub(super) grants: RefCell<Option<Vec<String>>>,
    pub(super) store: RefCell<Store>,
    pub(super) service: RefCell<Option<Service>>,
    pub(super) fetched: RefCell<Vec<Request>>,
    pub(super) bindings: RefCell<HashMap<String, Vec<Binding>>>,
    pub(super) groups: RefCell<HashMap<String, Vec<Member>>>,
    pub(super) dialogs: RefCell<HashMap<(String, String), u32>>,
    pub(super) published: RefCell<BTreeMap<(String, String), Vec<u8>>>,
    /// The hook is about an INVITE that begins a call, and whether a mode may be chosen for it.
    pub(super) call: Cell<Option<bool>>,
    pub(super) mode: Cell<Option<Mode>>,
    pub(super) recorded: RefCell<BTreeMap<String, String>>,
    pub(super) ended: RefCell<Vec<(String, u16, String)>>,
    pub(super) lines: RefCell<Vec<String>>,
    pub(super) counters: RefCell<BTreeMap<String, u64>>,
    pub(super) values: RefCell<BTreeMap<String, Vec<f64>>>,
    pub(super) seed: Cell<u64>,
}

/// What the host is doing with the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// `describe` and `validate`: no store, no waiting.
    Checking,
    /// `start` and `on-response`: no waiting.
    Hurried,
    /// Any other hook.
    Calling,
}

impl Default for World {
    fn default() -> Self {
        Self {
            now_ms: Cell::new(START_MS),
            phase: Cell::new(Phase::Checking),
            grants: RefCell::default(),
            store: RefCell::default(),
            service: RefCell::default(),
            fetched: RefCell::default(),
            bindings: RefCell::default(),
            groups: RefCell::default(),
            dialogs: RefCell::default(),
            published: RefCell::default(),
            call: Cell::default(),
            mode: Cell::default(),
            recorded: RefCell::default(),
            ended: RefCell::default(),
            lines: RefCell::default(),
            counters: RefCell::default(),
            values: RefCell::default(),
            seed: Cell::new(1),
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// Runs a call of the plugin in this world.
pub(super) fn enter<R>(world: &Rc<World>, phase: Phase, call: impl FnOnce() -> R) -> R {
    /// Leaves also when the call panics: the next test may run in the same thread.
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            CURRENT.set(None);
        }
    }
    world.phase.set(phase);
    CURRENT.set(Some(Rc::clone(world)));
    let _leave = Leave;
    call()
}

/// Whether the plugin that is being called has this capability. All, unless the test says which.
pub(super) fn granted(capability: &str) -> bool {
    let Some(world) = CURRENT.with_borrow(Clone::clone) else {
        return true;
    };
    let grants = world.grants.borrow();
    grants
        .as_ref()
        .is_none_or(|list| list.iter().any(|one| one == capability))
}

/// The world of the call, for an interface that is a capability.
fn with<R>(capability: Option<&str>, look: impl FnOnce(&World) -> R) -> R {
    let world = CURRENT.with_borrow(Clone::clone);
    assert!(
        world.is_some(),
        "a host call outside of a hook: call the plugin through Harness"
    );
    if let Some(capability) = capability {
        assert!(
            granted(capability),
            "\"{capability}\" is not granted: the host would not load this plugin"
        );
    }
    look(&world.unwrap_or_default())
}

pub(crate) mod clock {
    use super::with;

    pub(crate) fn unix_ms() -> u64 {
        with(None, |world| world.now_ms.get())
    }

    pub(crate) fn monotonic_us() -> u64 {
        let elapsed = unix_ms().saturating_sub(super::START_MS);
        elapsed.saturating_mul(1000)
    }
}

pub(crate) mod log {
    use super::with;
    use crate::log::Level;

    pub(crate) fn enabled(_level: Level) -> bool {
        true
    }

    pub(crate) fn write(level: Level, message: &str) {
        let line = format!("{level:?} {message}");
        let line = line.strip_prefix("Level::").unwrap_or(&line).to_owned();
        with(None, |world| world.lines.borrow_mut().push(line));
    }
}

pub(crate) mod metrics {
    use super::with;

    pub(crate) struct Counter(String);

    impl Counter {
        pub(crate) fn new(name: &str) -> Self {
            Self(name.to_owned())
        }

        pub(crate) fn add(&self, by: u64) {
            with(None, |world| {
                let mut counters = world.counters.borrow_mut();
                let count = counters.entry(self.0.clone()).or_default();
                *count = count.saturating_add(by);
            });
        }
    }

    pub(crate) struct Histogram(String);

    impl Histogram {
        pub(crate) fn new(name: &str) -> Self {
            Self(name.to_owned())
        }

        pub(crate) fn observe(&self, value: f64) {
            with(None, |world| {
                let mut values = world.values.borrow_mut();
                values.entry(self.0.clone()).or_default().push(value);
            });
        }
    }
}

pub(crate) mod store {
    use super::{Phase, World};
    use crate::store::Error;

    fn with<R>(none: R, look: impl FnOnce(&World, u64) -> R) -> R {
        super::with(Some("store"), |world| match world.phase.get() {
            Phase::Checking => none,
            _ => look(world, world.now_ms.get()),
        })
    }

    pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
        with(None, |world, now| world.store.borrow().get(key, now))
    }

    pub(crate) fn set(key: &str, value: &[u8], ttl: Option<u64>) -> Result<(), Error> {
        with(Err(Error::Unavailable), |world, now| {
            world.store.borrow_mut().set(key, value, ttl, now)
        })
    }

    pub(crate) fn delete(key: &str) -> bool {
        with(false, |world, now| {
            world.store.borrow_mut().delete(key, now)
        })
    }

    pub(crate) fn increment(key: &str, by: i64, ttl: Option<u64>) -> Result<i64, Error> {
        with(Err(Error::Unavailable), |world, now| {
            world.store.borrow_mut().increment(key, by, ttl, now)
        })
    }

    pub(crate) fn compare_and_set(
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        ttl: Option<u64>,
    ) -> Result<(), Error> {
        with(Err(Error::Unavailable), |world, now| {
            let mut store = world.store.borrow_mut();
            store.compare_and_set(key, expected, value, ttl, now)
        })
    }

    pub(crate) fn allow(key: &str, rate: f64, burst: u32) -> bool {
        with(false, |world, now| {
            world.store.borrow_mut().allow(key, rate, burst, now)
        })
    }
}

pub(crate) mod http {
    use super::{Phase, with};
    use crate::http::{Error, Request, Response};

    pub(crate) fn fetch(request: &Request) -> Result<Response, Error> {
        with(Some("http"), |world| {
            if world.phase.get() != Phase::Calling {
                return Err(Error::Denied);
            }
            world.fetched.borrow_mut().push(request.clone());
            match world.service.borrow_mut().as_mut() {
                Some(service) => service(request),
                None => Err(Error::Unreachable("the test has no service".to_owned())),
            }
        })
    }
}

pub(crate) mod locations {
    use super::with;
    use crate::locations::Binding;

    pub(crate) fn lookup(aor: &str) -> Vec<Binding> {
        with(Some("locations"), |world| {
            let mut found = world
                .bindings
                .borrow()
                .get(aor)
                .cloned()
                .unwrap_or_default();
            found.sort_by_key(|binding| std::cmp::Reverse(binding.q));
            found
        })
    }
}

pub(crate) mod upstreams {
    use super::with;
    use crate::upstreams::Member;

    pub(crate) fn members(group: &str) -> Option<Vec<Member>> {
        with(Some("upstreams"), |world| {
            world.groups.borrow().get(group).cloned()
        })
    }
}

pub(crate) mod publish {
    use super::{Phase, with};
    use crate::publish::Error;

    pub(crate) fn set(
        resource: &str,
        package: &str,
        _content_type: &str,
        body: &[u8],
        _ttl: Option<u64>,
    ) -> Result<bool, Error> {
        let of = (resource.to_owned(), package.to_owned());
        with(Some("publish"), |world| {
            if world.phase.get() == Phase::Checking {
                return Err(Error::Unavailable);
            }
            let mut published = world.published.borrow_mut();
            let before = match body {
                [] => published.remove(&of),
                body => published.insert(of, body.to_vec()),
            };
            Ok(before.unwrap_or_default() != body)
        })
    }
}

pub(crate) mod call {
    use super::{super::rules, with};
    use crate::call::{Error, Mode};

    pub(crate) fn set_mode(mode: Mode) -> Result<(), Error> {
        with(Some("call"), |world| match world.call.get() {
            Some(true) => {
                world.mode.set(Some(mode));
                Ok(())
            }
            _ => Err(Error::NotNow),
        })
    }

    pub(crate) fn note(key: &str, value: &str) -> Result<(), Error> {
        with(Some("call"), |world| {
            world.call.get().ok_or(Error::NotNow)?;
            let mut recorded = world.recorded.borrow_mut();
            let others = recorded.keys().filter(|other| *other != key).count();
            if !rules::is_recorded(key, value, others) {
                return Err(Error::Full);
            }
            recorded.insert(key.to_owned(), value.to_owned());
            Ok(())
        })
    }
}

pub(crate) mod dialogs {
    use super::with;

    pub(crate) fn count(key: &str, value: &str) -> u32 {
        let of = (key.to_owned(), value.to_owned());
        with(Some("dialogs"), |world| {
            world.dialogs.borrow().get(&of).copied().unwrap_or(0)
        })
    }

    pub(crate) fn end(call_id: &str, status: u16, reason: &str) -> Result<(), String> {
        let ended = (call_id.to_owned(), status, reason.to_owned());
        with(Some("dialogs"), |world| {
            world.ended.borrow_mut().push(ended)
        });
        Ok(())
    }
}

pub(crate) mod random {
    use super::with;

    /// The same in each run: splitmix64 from a seed.
    pub(crate) fn bytes(length: u32) -> Vec<u8> {
        with(Some("random"), |world| {
            let byte = || {
                let state = world.seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
                world.seed.set(state);
                let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let [.., last] = (mixed ^ (mixed >> 27)).to_le_bytes();
                last
            };
            (0..length.min(1024)).map(|_| byte()).collect()
        })
    }
}

/// 2026-01-01 00:00:00 UTC, a Thursday: when each test begins.
const START_MS: u64 = 1_767_225_600_000;
