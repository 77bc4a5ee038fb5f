//! Starts the workers and ends them.

use super::{
    Clock, Core, Heard, Observer, Pulse, Shards, Traffic, WebRules, Worker,
    pulse::{self, Questions},
};
use crate::{
    resolve::Resolver,
    serve::Elsewhere,
    store::Store,
    transport::{
        Counters, StreamLimits,
        bind::{Bound, Sockets},
        table::Table,
        tcp,
    },
};
use bellhop_core::{
    auth::Authenticator,
    config::Config,
    flow::{ListenerId, Transport},
};
use bellhop_wire::Limits;
use std::{
    cell::Cell,
    future::Future,
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};
use tokio::{
    runtime,
    sync::watch,
    task::{LocalSet, spawn_local},
};

/// What a driver is made of.
pub(crate) struct Parts {
    /// One core for each shard; as many workers run.
    pub(crate) cores: Vec<Box<dyn Core>>,
    /// The shard a message belongs to, of so many.
    pub(crate) shard_of: fn(&[u8], usize) -> usize,
    /// The listeners, in the order of the configuration, bound for as many workers.
    pub(crate) listeners: Vec<Bound>,
    /// The clock.
    pub(crate) clock: Clock,
    /// Bounds on connections.
    pub(crate) limits: StreamLimits,
    /// Bounds on messages.
    pub(crate) message: Limits,
    /// What the listeners ask of WebSockets.
    pub(crate) rules: WebRules,
    /// Who watches.
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// Looks names up.
    pub(crate) resolver: Resolver,
    /// Looks users up and wakes phones.
    pub(crate) elsewhere: Elsewhere,
    /// Keeps what must outlive us.
    pub(crate) store: Store,
    /// Where each worker hears of answers that come later.
    pub(crate) answers: Vec<Heard>,
}

/// Running workers.
pub(crate) struct Driver {
    shards: Arc<Shards>,
    table: Arc<Table>,
    counters: Arc<Counters>,
    traffic: Vec<Arc<Traffic>>,
    pulse: Pulse,
    message: Arc<Mutex<Limits>>,
    rules: Arc<Mutex<WebRules>>,
    queue: usize,
    phase: watch::Sender<Phase>,
    threads: Vec<thread::JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serve,
    /// Accept no more connections.
    Drain,
    Quit,
}

/// What one thread needs to make its worker.
struct Seed {
    index: usize,
    shards: Arc<Shards>,
    table: Arc<Table>,
    counters: Arc<Counters>,
    traffic: Arc<Traffic>,
    questions: Questions,
    message: Arc<Mutex<Limits>>,
    rules: Arc<Mutex<WebRules>>,
    clock: Clock,
    limits: StreamLimits,
    observer: Option<Arc<dyn Observer>>,
    resolver: Resolver,
    elsewhere: Elsewhere,
    store: Store,
    locals: Arc<[SocketAddr]>,
    answers: Option<Heard>,
    udp: Vec<(ListenerId, UdpSocket)>,
    tcp: Vec<(ListenerId, Transport, TcpListener)>,
}

impl Driver {
    /// Starts a worker for each core.
    ///
    /// # Errors
    /// A thread or runtime cannot be had.
    pub(crate) fn start(parts: Parts) -> io::Result<Self> {
        let workers = parts.cores.len();
        let (phase, watch) = watch::channel(Phase::Serve);
        let table = Table::new(&parts.limits);
        let (pulse, questions) = Pulse::of(workers);
        let mut driver = Self {
            shards: Arc::new(Shards::new(parts.cores, parts.shard_of)),
            table: Arc::new(table),
            counters: Arc::default(),
            traffic: (0..workers).map(|_| Arc::default()).collect(),
            pulse,
            message: Arc::new(Mutex::new(parts.message)),
            rules: Arc::new(Mutex::new(parts.rules)),
            queue: parts.limits.queue,
            phase,
            threads: Vec::with_capacity(workers),
        };
        parts.store.attach(&driver.shards);
        let locals: Arc<[SocketAddr]> = parts.listeners.iter().map(|l| l.local).collect();
        let own = driver.traffic.iter().zip(questions).enumerate();
        let mut answers = parts.answers.into_iter();
        let mut seeds: Vec<Seed> = own
            .map(|(index, (traffic, questions))| Seed {
                index,
                shards: Arc::clone(&driver.shards),
                table: Arc::clone(&driver.table),
                counters: Arc::clone(&driver.counters),
                traffic: Arc::clone(traffic),
                questions,
                message: Arc::clone(&driver.message),
                rules: Arc::clone(&driver.rules),
                clock: parts.clock,
                limits: parts.limits.clone(),
                observer: parts.observer.clone(),
                resolver: parts.resolver.clone(),
                elsewhere: parts.elsewhere.clone(),
                store: parts.store.clone(),
                locals: Arc::clone(&locals),
                answers: answers.next(),
                udp: Vec::new(),
                tcp: Vec::new(),
            })
            .collect();
        for (listener, id) in parts.listeners.into_iter().zip(0..) {
            match listener.sockets {
                Sockets::Udp(sockets) => {
                    for (seed, socket) in seeds.iter_mut().zip(sockets) {
                        seed.udp.push((ListenerId(id), socket));
                    }
                }
                Sockets::Tcp(sockets, transport) => {
                    for (seed, socket) in seeds.iter_mut().zip(sockets) {
                        seed.tcp.push((ListenerId(id), transport, socket));
                    }
                }
            }
        }
        for seed in seeds {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let watch = watch.clone();
            let thread = thread::Builder::new()
                .name(format!("worker-{}", seed.index))
                .spawn(move || {
                    if let Err(error) = LocalSet::new().block_on(&runtime, seed.run(watch)) {
                        tracing::error!(%error, "a worker could not start; stopping");
                        std::process::exit(70);
                    }
                })?;
            driver.threads.push(thread);
        }
        Ok(driver)
    }

    /// Swaps the configuration, one shard after another; the bounds on messages, and what is asked of WebSockets, hold for
    /// connections opened from now on.
    pub(crate) fn reconfigure(
        &self,
        config: &Arc<Config>,
        auth: &Arc<Authenticator>,
        (message, rules): (Limits, WebRules),
    ) {
        *self.message.lock().unwrap_or_else(PoisonError::into_inner) = message;
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = rules;
        for index in 0..self.shards.len() {
            if let Some(mut shard) = self.shards.lock(index) {
                shard.core.reconfigure(Arc::clone(config), Arc::clone(auth));
                self.shards.arm(index, &mut shard);
            }
        }
    }

    /// What each worker moved.
    pub(crate) fn traffic(&self) -> &[Arc<Traffic>] {
        &self.traffic
    }

    /// Asks the workers whether they go on.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// All connections.
    pub(crate) fn connections(&self) -> &Arc<Table> {
        &self.table
    }

    /// The counters.
    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Accepts no more connections, waits until all that is queued has been written, `patience` at most, says goodbye where
    /// that can be said, and ends the workers.
    pub(crate) async fn stop(self, patience: Duration) {
        self.phase.send_replace(Phase::Drain);
        let drained = || async {
            while !self.table.all().iter().all(|c| c.is_drained()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(patience, drained()).await;
        for connection in self.table.all() {
            connection.say_goodbye(self.queue);
        }
        let _ = tokio::time::timeout(GOODBYE, drained()).await;
        self.phase.send_replace(Phase::Quit);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

impl Seed {
    async fn run(self, mut phase: watch::Receiver<Phase>) -> io::Result<()> {
        let mut udp: Vec<Option<tokio::net::UdpSocket>> = Vec::new();
        udp.resize_with(self.locals.len(), || None);
        let mut listeners = Vec::new();
        for (id, socket) in self.udp {
            if let Some(place) = udp.get_mut(usize::from(id.0)) {
                *place = Some(tokio::net::UdpSocket::from_std(socket)?);
                listeners.push(id);
            }
        }
        let worker = Rc::new(Worker {
            shards: self.shards,
            table: self.table,
            clock: self.clock,
            counters: self.counters,
            traffic: self.traffic,
            observer: self.observer,
            limits: self.limits,
            message: self.message,
            rules: self.rules,
            udp,
            locals: self.locals,
            room: Cell::new(None),
            scratch: Cell::default(),
            resolver: self.resolver,
            elsewhere: self.elsewhere,
            store: self.store,
        });
        for id in listeners {
            let worker = Rc::clone(&worker);
            spawn_local(always(move || Rc::clone(&worker).serve_udp(id)));
        }
        let timers = Rc::clone(&worker);
        spawn_local(always(move || Rc::clone(&timers).serve_timers(self.index)));
        let shards = Arc::clone(&worker.shards);
        spawn_local(pulse::answer(self.questions, shards, self.index));
        if let Some(heard) = self.answers {
            let (worker, heard) = (Rc::clone(&worker), Rc::new(tokio::sync::Mutex::new(heard)));
            spawn_local(always(move || {
                let (worker, heard) = (Rc::clone(&worker), Rc::clone(&heard));
                async move { worker.serve_answers(&mut *heard.lock().await).await }
            }));
        }
        let mut accepting = Vec::new();
        for (id, transport, socket) in self.tcp {
            let listener = tokio::net::TcpListener::from_std(socket)?;
            let task = tcp::accept(Rc::clone(&worker), listener, (id, transport));
            accepting.push(spawn_local(task));
        }
        // An error means that the driver is gone without a word: end as well.
        let _ = phase.wait_for(|p| *p >= Phase::Drain).await;
        for task in accepting {
            task.abort();
        }
        let _ = phase.wait_for(|p| *p == Phase::Quit).await;
        Ok(())
    }
}

/// How long the ends of WebSockets may take to be written.
const GOODBYE: Duration = Duration::from_millis(100);

/// Runs a task that never ends, and again should it ever panic: a worker without it would be deaf.
async fn always<F>(start: impl Fn() -> F)
where
    F: Future<Output = ()> + 'static,
{
    while let Err(error) = spawn_local(start()).await {
        if error.is_cancelled() {
            break;
        }
        tracing::error!("a task of a worker panicked and begins anew; please report it");
    }
}
