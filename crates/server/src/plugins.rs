//! The policy plugins in the running program: what they may ask it, how an answer that comes later finds
//! its shard, and how the set of them is loaded and changed without a worker waiting for it.

use crate::{
    config::Settings,
    driver::{Answer, Answers, Clock, OsEntropy},
    upstreams::Upstreams,
};
use bellhop_core::{
    engine::{Engine, Shared},
    entropy::Entropy as _,
    outbox::Ticket,
    registrar::{Aor, Location},
    share::{Held, Publication, Unpublished},
    time::Now,
};
use bellhop_policy::{
    Alone, Binding, Capability, LoadError, Member, PluginConfig, PluginStatus, Registry, Services,
    Swapped, Wake,
};
use smallvec::SmallVec;
use std::{fmt, net::SocketAddr, sync::Arc};

/// All plugins of the running program.
#[derive(Clone, Debug)]
pub(crate) struct Plugins {
    registry: Arc<Registry>,
    upstreams: Arc<Upstreams>,
    held: Arc<Held>,
    answers: Answers,
}

/// What plugins look at and change.
#[derive(Debug)]
pub(crate) struct Around {
    pub(crate) location: Arc<Location>,
    pub(crate) held: Arc<Held>,
    pub(crate) upstreams: Arc<Upstreams>,
    pub(crate) answers: Answers,
}

impl Around {
    pub(crate) fn of(shared: &Shared, upstreams: Arc<Upstreams>, answers: Answers) -> Self {
        Self {
            location: Arc::clone(&shared.location),
            held: Arc::clone(&shared.held),
            upstreams,
            answers,
        }
    }
}

impl Plugins {
    /// Loads the plugins of a configuration. Takes as long as compiling takes.
    ///
    /// # Errors
    /// The first plugin that cannot be used, and why.
    pub(crate) fn load(settings: &Settings, around: Around, clock: Clock) -> Result<Self, String> {
        let (upstreams, held) = (Arc::clone(&around.upstreams), Arc::clone(&around.held));
        let answers = around.answers.clone();
        let services = Arc::new(Program { around, clock });
        let cache = settings
            .server
            .data_dir
            .as_deref()
            .map(|dir| dir.join(CACHE));
        let registry = Registry::new(cache.as_deref(), services)?;
        let plugins = Self {
            registry: Arc::new(registry),
            upstreams,
            held,
            answers,
        };
        plugins.measure(settings);
        // What was put back of one that is no more, or may not any more, is nobody's word.
        let publishes = |owner: &str| {
            let mut all = settings.plugins.iter();
            all.any(|p| p.name == owner && p.grants.has(Capability::Publish))
        };
        plugins.held.keep_owners(publishes);
        let began = std::time::Instant::now();
        let swapped = plugins.registry.swap(settings.plugins.clone());
        let swapped = swapped.map_err(|error| error.to_string())?;
        if let Some(what) = told(&swapped) {
            let millis = began.elapsed().as_millis();
            tracing::info!("{what} in {millis} ms");
        }
        Ok(plugins)
    }

    /// Has an engine ask these plugins.
    pub(crate) fn join(&self, engine: &mut Engine, answers: &Answers) {
        let wake = Arc::new(Bell(answers.clone()));
        engine.set_policy(Box::new(self.registry.shard(wake)));
    }

    /// Has the plugins of a new configuration run, on a thread of its own; all or none.
    ///
    /// # Errors
    /// The first plugin that cannot be used, and why. Those that run stay.
    pub(crate) async fn swap(&self, settings: &Settings) -> Result<Swapped, String> {
        let configs = settings.plugins.clone();
        let swapped = self.beside(move |registry| registry.swap(configs)).await;
        if let Ok(swapped) = &swapped {
            self.measure(settings);
            // What one had published that is no more is nobody's word now.
            for gone in &swapped.removed {
                self.held.forget_owner(gone);
            }
            self.answers.tell(Answer::Published);
        }
        swapped
    }

    /// How long upstreams take to answer is measured where a plugin may see it.
    fn measure(&self, settings: &Settings) {
        let sees = |plugin: &PluginConfig| plugin.grants.has(Capability::Upstreams);
        self.upstreams.measure(settings.plugins.iter().any(sees));
    }

    /// Reads the files of the plugins, or of one, again.
    ///
    /// # Errors
    /// As [`Plugins::swap`].
    pub(crate) async fn reload(&self, name: Option<String>) -> Result<Swapped, String> {
        self.beside(move |registry| registry.reload(name.as_deref()))
            .await
    }

    /// What they have published.
    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    /// What is to be told of each.
    pub(crate) fn status(&self) -> Vec<PluginStatus> {
        self.registry.status()
    }

    /// How often the set of them was changed.
    pub(crate) fn swaps(&self) -> u64 {
        self.registry.swaps()
    }

    async fn beside(
        &self,
        run: impl FnOnce(&Registry) -> Result<Swapped, LoadError> + Send + 'static,
    ) -> Result<Swapped, String> {
        let registry = Arc::clone(&self.registry);
        let done = tokio::task::spawn_blocking(move || run(&registry)).await;
        done.map_err(|error| format!("loading broke off: {error}"))?
            .map_err(|error| error.to_string())
    }
}

/// Loads the plugins of a configuration and lets them go again.
///
/// # Errors
/// The first plugin that cannot be used, and why.
pub(crate) fn check(configs: Vec<PluginConfig>) -> Result<(), String> {
    if configs.is_empty() {
        return Ok(());
    }
    let registry = Registry::new(None, Arc::new(Alone::default()))?;
    registry.swap(configs).map_err(|error| error.to_string())?;
    Ok(())
}

/// What a swap did, in words; `None`: nothing.
pub(crate) fn told(swapped: &Swapped) -> Option<String> {
    let part = |what: &str, names: &[String]| match names {
        [] => None,
        names => Some(format!("{what} {}", names.join(", "))),
    };
    let parts = [
        part("loaded", &swapped.loaded),
        part("removed", &swapped.removed),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("plugins: {}", parts.join("; ")))
}

/// What plugins may ask the program.
struct Program {
    around: Around,
    clock: Clock,
}

impl Services for Program {
    fn now(&self) -> Now {
        self.clock.now()
    }

    fn entropy(&self, out: &mut [u8]) -> bool {
        let mut source = OsEntropy::new();
        for piece in out.chunks_mut(8) {
            let random = source.next_u64().to_ne_bytes();
            piece
                .iter_mut()
                .zip(random)
                .for_each(|(to, from)| *to = from);
        }
        true
    }

    fn bindings(&self, now: Now, aor: &str) -> Vec<Binding> {
        let Some(aor) = Aor::parse_text(aor) else {
            return Vec::new();
        };
        let mut found = SmallVec::new();
        self.around.location.lookup(now.instant, &aor, &mut found);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let binding = |binding: &Arc<bellhop_core::registrar::Binding>| {
            let flow = binding.flow;
            let left = binding.remaining(now.instant).as_secs();
            Binding {
                contact: text(binding.contact()),
                received: Some(format!(
                    "sip:{};transport={}",
                    flow.remote,
                    flow.transport.uri_token()
                )),
                q: binding.q,
                expires: u32::try_from(left).unwrap_or(u32::MAX),
                user_agent: String::new(),
            }
        };
        found.iter().map(binding).collect()
    }

    fn members(&self, group: &str, calls: &dyn Fn(SocketAddr) -> u32) -> Option<Vec<Member>> {
        let upstreams = &self.around.upstreams;
        upstreams.members(self.clock.now(), group, calls)
    }

    fn publish(&self, now: Now, publication: Publication<'_>) -> Result<bool, Unpublished> {
        let has_changed = self.around.held.publish(now.instant, publication)?;
        if has_changed {
            // A plugin that runs beside the workers is in no engine's call.
            self.around.answers.tell(Answer::Published);
        }
        Ok(has_changed)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}

/// Tells the worker of a ticket's shard.
#[derive(Debug)]
struct Bell(Answers);

impl Wake for Bell {
    fn wake(&self, ticket: Ticket) {
        self.0.tell(Answer::Policy(ticket));
    }
}

/// The folder of compiled code, in the data directory.
const CACHE: &str = "plugins";
