//! What the program tells the admin port, and the orders that go the other way.

use crate::{
    config::{Listener, Problems, Secret},
    driver::{Answers, Clock, Pulse, Traffic},
    plugins::Plugins,
    serve::Elsewhere,
    store::Store,
    transport::{Counters, table::Table},
    upstreams::Upstreams,
};
use bellhop_core::{
    auth::ReplayGuard, b2bua::Tally, lease::Slots, registrar::Location, subscription::Board,
};
use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};
use tokio::sync::{mpsc, oneshot};

/// Shared by the program and all connections of the port.
#[derive(Debug)]
pub(super) struct State {
    running: OnceLock<Running>,
    draining: AtomicBool,
    token: Mutex<Option<Arc<Secret>>>,
    orders: mpsc::Sender<Order>,
    reloads_done: AtomicU64,
    reloads_refused: AtomicU64,
}

/// A program that serves.
pub(crate) struct Running {
    /// The program's counters.
    pub(crate) counters: Arc<Counters>,
    /// Each worker's.
    pub(crate) traffic: Vec<Arc<Traffic>>,
    /// The connections.
    pub(crate) connections: Arc<Table>,
    /// Asks the workers.
    pub(crate) pulse: Pulse,
    /// The bindings.
    pub(crate) location: Arc<Location>,
    /// Registrations of ours at the PBX.
    pub(crate) leases: Arc<Slots>,
    pub(crate) subscriptions: Arc<Board>,
    /// Calls of two legs, counted.
    pub(crate) tally: Arc<Tally>,
    /// The upstreams.
    pub(crate) upstreams: Arc<Upstreams>,
    /// The nonces.
    pub(crate) replay: Arc<ReplayGuard>,
    /// The plugins.
    pub(crate) plugins: Plugins,
    /// Looks users up and wakes phones.
    pub(crate) elsewhere: Elsewhere,
    /// The store.
    pub(crate) store: Store,
    /// Where the shards hear of answers.
    pub(crate) answers: Answers,
    /// The clock.
    pub(crate) clock: Clock,
    /// The listeners.
    pub(crate) listeners: Vec<Listening>,
    /// The configuration's file; `None`: the embedded default.
    pub(crate) file: Option<PathBuf>,
}

/// A listener that is open.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    /// Its name when the program started.
    pub(crate) name: String,
    /// `udp`, `tcp`.
    pub(crate) transport: &'static str,
    /// Its address, the port filled in.
    pub(crate) local: SocketAddr,
}

/// What a client wants of the program's own loop.
#[derive(Debug)]
pub(crate) enum Order {
    /// Read the configuration again.
    Reload(oneshot::Sender<Result<Reloaded, Refused>>),
}

/// A configuration that was taken over.
#[derive(Debug, Default)]
pub(crate) struct Reloaded {
    /// What of it needs a restart and was left out.
    pub(crate) left_out: Vec<String>,
}

/// Why a configuration was not taken over; the one in use stays.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The program runs without a file.
    NoFile,
    /// What is wrong with it.
    Wrong(Problems),
    /// A part of it cannot be used, a plugin or the place where users are kept; why.
    Part(String),
}

/// How far the program has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not all listeners are served yet.
    Starting,
    /// All are.
    Serving,
    /// It ends.
    Draining,
}

impl State {
    pub(super) fn new(orders: mpsc::Sender<Order>) -> Self {
        Self {
            running: OnceLock::new(),
            draining: AtomicBool::new(false),
            token: Mutex::default(),
            orders,
            reloads_done: AtomicU64::new(0),
            reloads_refused: AtomicU64::new(0),
        }
    }

    pub(super) fn serve(&self, running: Running) {
        // A program starts once.
        let _ = self.running.set(running);
    }

    pub(super) fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    pub(super) fn phase(&self) -> Phase {
        match (self.draining.load(Relaxed), self.running.get()) {
            (true, _) => Phase::Draining,
            (false, Some(_)) => Phase::Serving,
            (false, None) => Phase::Starting,
        }
    }

    /// `None` while the program starts.
    pub(super) fn running(&self) -> Option<&Running> {
        self.running.get()
    }

    pub(super) fn set_token(&self, token: Option<Secret>) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token.map(Arc::new);
    }

    pub(super) fn token(&self) -> Option<Arc<Secret>> {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        token.clone()
    }

    /// Gives an order to the program; `None`: it does not take any more.
    pub(super) async fn order<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Option<T> {
        let (sender, answer) = oneshot::channel();
        self.orders.send(make(sender)).await.ok()?;
        answer.await.ok()
    }

    pub(super) fn reloaded(&self, done: bool) {
        let counter = if done {
            &self.reloads_done
        } else {
            &self.reloads_refused
        };
        counter.fetch_add(1, Relaxed);
    }

    /// How often the configuration was taken over, and refused.
    pub(super) fn reloads(&self) -> (u64, u64) {
        (
            self.reloads_done.load(Relaxed),
            self.reloads_refused.load(Relaxed),
        )
    }
}

impl Listening {
    /// A listener of the configuration, and where it is.
    pub(crate) fn of(listener: &Listener, local: SocketAddr) -> Self {
        Self {
            name: listener.name.clone(),
            transport: listener.bind.transport.uri_token(),
            local,
        }
    }
}

impl Phase {
    /// For people and tools.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Draining => "draining",
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("listeners", &self.listeners)
            .finish_non_exhaustive()
    }
}
