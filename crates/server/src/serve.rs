//! Serving: everything is bound before anything runs, the signals are heard from the first moment
//! (process 1 of a container has no defaults), and a reload swaps the whole configuration or nothing.

mod doors;
mod elsewhere;
mod process;
mod signals;
mod tell;

pub(crate) use elsewhere::Elsewhere;

use self::{
    doors::{announce, bind},
    process::{log_panics, raise_descriptors},
    signals::Signals,
    tell::{beside, tell},
};
use crate::{
    admin::{Listening, Order, Panel, Refused, Reloaded, Running},
    config::{Machine, Settings, load},
    driver::{Answers, Clock, Core, Driver, Observer, OsEntropy, Parts},
    key, log,
    plugins::{Around, Plugins, told},
    resolve::{Bounds, Names, RESOLV_CONF, Reach, Resolver},
    store::Store,
    transport::StreamLimits,
    upstreams::Upstreams,
};
use bellhop_core::{
    auth::{ReplayGuard, Secret, upstream::UpstreamAuth},
    engine::{Engine, Shared, shard_of},
    entropy::Entropy as _,
    registrar::Location,
    subscription::Board,
};
use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{runtime, time::sleep};

/// Serves until SIGTERM or SIGINT. `file` is read again on SIGHUP; `greeting` goes to standard output
/// once every listener is bound.
///
/// # Errors
/// What keeps it from serving, for the operator.
pub(crate) fn run(settings: Settings, file: Option<&Path>, greeting: &str) -> Result<(), String> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let served = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(|error| format!("no signals: {error}"))?;
        log_panics();
        let started = tokio::select! {
            started = Server::start(settings, file, None) => started,
            () = signals.end() => {
                tracing::info!("ended before it was ready");
                return Ok(());
            }
        };
        let mut server = started?;
        announce(&server);
        let mut stdout = std::io::stdout();
        // Nobody reading the line is no reason not to serve.
        let _ = writeln!(stdout, "{greeting}bellhop ready").and_then(|()| stdout.flush());
        server.serve(&mut signals).await;
        tokio::select! {
            () = server.stop() => {}
            () = signals.end() => {
                tracing::warn!("second signal: ending at once");
                std::process::exit(130);
            }
        }
        Ok(())
    });
    // A plugin may still be compiled, on a thread that cannot be stopped: nobody waits for it.
    runtime.shutdown_background();
    served
}

/// A running Bellhop.
pub(crate) struct Server {
    settings: Settings,
    file: Option<PathBuf>,
    locals: Vec<SocketAddr>,
    resolver: Resolver,
    names: Names,
    shared: Shared,
    nonces: Arc<Secret>,
    driver: Driver,
    panel: Panel,
    upstreams: Arc<Upstreams>,
    plugins: Plugins,
    elsewhere: Elsewhere,
    store: Store,
    clock: Clock,
    lost: u64,
    faults: u64,
    unread: usize,
}

impl Server {
    /// Binds every listener, looks up the upstreams' names and starts the workers.
    ///
    /// # Errors
    /// What keeps it from serving, for the operator.
    pub(crate) async fn start(
        settings: Settings,
        file: Option<&Path>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, String> {
        let limits = StreamLimits::within(raise_descriptors(), settings.limits.message);
        settings.announce();
        let workers = settings.server.workers();
        let (listeners, panel) = bind(&settings, workers)?;
        // From here on it says that we are starting.
        panel.open()?;
        let locals: Vec<SocketAddr> = listeners.iter().map(|l| l.local).collect();
        let transports = settings.listeners.iter().map(|l| l.bind.transport);
        let places: Vec<_> = transports.zip(locals.iter().copied()).collect();
        let resolver = Resolver::new(
            Path::new(RESOLV_CONF),
            Reach::of(&places),
            Bounds::default(),
            Box::new(OsEntropy::new()),
        );
        let names = Names::default();
        let names = names.refreshed(&resolver, settings.targets()).await;

        let mut entropy = OsEntropy::new();
        let secret = key::load(settings.server.data_dir.as_deref(), &mut entropy)?;
        let shared = Shared {
            location: Arc::new(Location::new(BINDINGS, secret.seeds())),
            replay: Arc::new(ReplayGuard::new(NONCES)),
            secret: Arc::new(secret),
            leases: Arc::default(),
            health: Arc::default(),
            subscriptions: Arc::new(Board::new(entropy.next_u64())),
            held: Arc::default(),
            tally: Arc::default(),
            upstream_auth: Arc::new(UpstreamAuth::new(UpstreamAuth::DEFAULT_CAPACITY)),
        };
        // The replay guard dies with the process, so no nonce may outlive it either.
        let nonces = Arc::new(Secret::draw(&mut entropy));
        let shards = u16::try_from(workers).unwrap_or(u16::MAX);
        let (answers, heard) = Answers::new(shards);
        let clock = Clock::start();
        let elsewhere = Elsewhere::start(answers.clone(), &shared.location, clock);
        elsewhere.turn_to(elsewhere.places(&settings)?);
        let (config, auth) = tell(&settings, &locals, &names, &shared, (&nonces, &elsewhere));
        let upstreams = Arc::new(Upstreams::new(&shared.health, &config));
        let told = answers.clone();
        let start = move |s: &Settings, shared: &Shared| Store::start(s, shared, clock, told);
        let store = beside(&settings, &shared, start).await?;
        let (seen, bell) = (Arc::clone(&upstreams), answers.clone());
        let load = move |s: &Settings, shared: &Shared| {
            Plugins::load(s, Around::of(shared, seen, bell), clock)
        };
        let plugins = beside(&settings, &shared, load).await?;
        let core = |shard| -> Box<dyn Core> {
            let mut engine = Engine::new(
                shard,
                Arc::clone(&config),
                Arc::clone(&auth),
                shared.clone(),
                Box::new(OsEntropy::new()),
            );
            plugins.join(&mut engine, &answers);
            store.join(&mut engine, clock);
            Box::new(engine)
        };
        let driver = Driver::start(Parts {
            cores: (0..shards).map(core).collect(),
            shard_of,
            listeners,
            clock,
            limits,
            message: settings.wire_limits(),
            rules: settings.web_rules(),
            observer,
            resolver: resolver.clone(),
            elsewhere: elsewhere.clone(),
            store: store.clone(),
            answers: heard,
        })
        .map_err(|error| format!("the workers cannot start: {error}"))?;
        let named = settings.listeners.iter().zip(&locals);
        panel.serving(Running {
            counters: Arc::clone(driver.counters()),
            traffic: driver.traffic().to_vec(),
            connections: Arc::clone(driver.connections()),
            pulse: driver.pulse().clone(),
            location: Arc::clone(&shared.location),
            leases: Arc::clone(&shared.leases),
            subscriptions: Arc::clone(&shared.subscriptions),
            tally: Arc::clone(&shared.tally),
            upstreams: Arc::clone(&upstreams),
            replay: Arc::clone(&shared.replay),
            plugins: plugins.clone(),
            elsewhere: elsewhere.clone(),
            store: store.clone(),
            answers,
            clock,
            listeners: named.map(|(l, local)| Listening::of(l, *local)).collect(),
            file: file.map(Path::to_owned),
        });
        Ok(Self {
            settings,
            file: file.map(Path::to_owned),
            locals,
            resolver,
            names,
            shared,
            nonces,
            driver,
            panel,
            upstreams,
            plugins,
            elsewhere,
            store,
            clock,
            lost: 0,
            faults: 0,
            unread: 0,
        })
    }

    /// The listeners' addresses, in the order of the configuration.
    pub(crate) fn locals(&self) -> &[SocketAddr] {
        &self.locals
    }

    /// Ends: no more connections are taken, what is queued is written, the workers end.
    pub(crate) async fn stop(self) {
        self.panel.draining();
        self.driver.stop(DRAIN).await;
        self.store.stop();
        self.elsewhere.ledger.stop();
        tracing::info!("ended");
    }

    async fn serve(&mut self, signals: &mut Signals) {
        loop {
            let refreshed = async {
                sleep(self.names.pause()).await;
                self.resolver.reread();
                let targets = self.settings.targets();
                self.names.refreshed(&self.resolver, targets).await
            };
            tokio::select! {
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                _ = signals.hangup.recv() => {
                    // New plugins may take half a minute: the word to end is heard meanwhile.
                    tokio::select! {
                        _ = self.reload() => {}
                        () = signals.end() => break,
                    }
                }
                Order::Reload(answer) = self.panel.order() => {
                    tokio::select! {
                        // Whoever asked may have gone.
                        done = self.reload() => { let _ = answer.send(done); }
                        () = signals.end() => break,
                    }
                }
                names = refreshed => {
                    self.renamed(names);
                    self.sweep();
                    self.report_losses();
                }
            }
        }
        tracing::info!("ending");
    }

    /// Reads the file again and takes it over, or refuses it; either is logged and counted.
    async fn reload(&mut self) -> Result<Reloaded, Refused> {
        tracing::info!("reading the configuration again");
        let result = self.try_reload().await;
        self.panel.reloaded(&result);
        if result.is_err() {
            self.elsewhere.reopen(&self.settings);
        }
        match &result {
            Ok(_) => tracing::info!("reloaded"),
            Err(Refused::NoFile) => tracing::warn!("there is no file to read again"),
            Err(Refused::Wrong(problems)) => {
                for problem in &problems.0 {
                    problem.log();
                }
                tracing::error!("reload refused; the configuration in use stays");
            }
            Err(Refused::Part(why)) => {
                tracing::error!("{why}");
                tracing::error!("reload refused; the configuration in use stays");
            }
        }
        result
    }

    async fn try_reload(&mut self) -> Result<Reloaded, Refused> {
        let file = self.file.as_ref().ok_or(Refused::NoFile)?;
        let new = load(file, &Machine).map_err(Refused::Wrong)?;
        let left_out = self.settings.restart_needed(&new);
        for what in &left_out {
            tracing::warn!("this change needs a restart and is left out: {what}");
        }
        let new = self.settings.reloaded(new);
        let places = self.elsewhere.places(&new).map_err(Refused::Part)?;
        let swapped = self.plugins.swap(&new).await.map_err(Refused::Part)?;
        if let Some(what) = told(&swapped) {
            tracing::info!("{what}");
        }
        self.resolver.reread();
        let names = self.names.refreshed(&self.resolver, new.targets()).await;
        self.elsewhere.turn_to(places);
        self.swap(&new, &names);
        self.panel.reconfigured(new.admin.as_ref());
        if let Err(error) = log::set_level(&new.log) {
            tracing::error!("log.level stays as it was: {error}");
        }
        self.names = names;
        self.settings = new;
        self.settings.announce();
        Ok(Reloaded { left_out })
    }

    /// Takes over what the upstreams' names stand for now.
    fn renamed(&mut self, names: Names) {
        if names.differ_from(&self.names) {
            self.swap(&self.settings, &names);
        }
        self.names = names;
    }

    /// Tells every shard.
    fn swap(&self, settings: &Settings, names: &Names) {
        let auth = (&self.nonces, &self.elsewhere);
        let (config, auth) = tell(settings, &self.locals, names, &self.shared, auth);
        self.upstreams.turn_to(&config);
        self.driver.reconfigure(
            &config,
            &auth,
            (settings.wire_limits(), settings.web_rules()),
        );
    }

    /// Gives back the memory of bindings that have expired; nothing finds them any more anyway.
    fn sweep(&self) {
        let swept = self.shared.location.sweep(self.clock.now().instant);
        if swept > 0 {
            tracing::info!(target: "bellhop::sip", bindings = swept, "expired");
        }
    }

    fn report_losses(&mut self) {
        let counters = self.driver.counters();
        let lost = counters.losses();
        if lost != self.lost {
            self.lost = lost;
            tracing::warn!(target: "bellhop::transport", "lost since the start: {counters}");
        }
        let faults = counters.faults_of_peers();
        if faults != self.faults {
            self.faults = faults;
            tracing::debug!(target: "bellhop::transport", "since the start: {counters}");
        }
        let unread = log::lost();
        if unread != self.unread {
            self.unread = unread;
            tracing::warn!(
                "log lines lost since the start, standard error is read too slowly: {unread}"
            );
        }
    }
}

/// How long ending may wait for what is queued.
const DRAIN: Duration = Duration::from_millis(400);
/// Bindings of all users.
const BINDINGS: usize = 1_000_000;
/// Nonces whose counts are remembered.
const NONCES: usize = 262_144;

#[cfg(test)]
mod tests;
