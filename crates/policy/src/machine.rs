//! The wasmtime engine: how plugins are compiled, what they are given, and the clock that ends them.

use crate::cache::Cache;
use crate::contract::Plugin;
use crate::error::Reason;
use crate::guest::Guest;
use crate::ticker::Ticker;
use sha2::{Digest, Sha256};
use std::path::Path;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wit_component::ComponentEncoder;

/// One for the whole program.
pub(crate) struct Machine {
    engine: Engine,
    linker: Linker<Guest>,
    cache: Option<Cache>,
    ticker: Ticker,
}

/// Whether messages are being served while something is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// They are not: with all that the machine has.
    Alone,
    /// They are: on half of the processors, behind everybody else.
    Beside,
}

/// What a file holds.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    pub(crate) sha256: [u8; 32],
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").finish_non_exhaustive()
    }
}

impl Machine {
    /// Starts the engine and its ticker.
    ///
    /// # Errors
    /// The processor or the system does not allow what wasmtime needs, or the cache folder is not ours.
    pub(crate) fn start(cache: Option<&Path>) -> wasmtime::Result<Self> {
        let engine = Engine::new(settings().allocation_strategy(pool())).or_else(|error| {
            tracing::warn!(%error, "no pool for plugins' memory: each instance allocates its own");
            Engine::new(&settings())
        })?;
        let mut linker = Linker::new(&engine);
        Plugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
        let cache = cache
            .map(|folder| Cache::open(folder, &engine))
            .transpose()?;
        let clock = engine.clone();
        let ticker = Ticker::start(move || clock.increment_epoch())?;
        Ok(Self {
            engine,
            linker,
            cache,
            ticker,
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The clock of all that it runs.
    pub(crate) fn ticker(&self) -> &Ticker {
        &self.ticker
    }

    pub(crate) fn linker(&self) -> &Linker<Guest> {
        &self.linker
    }

    /// Compiles a file's bytes, or finds them compiled.
    ///
    /// # Errors
    /// [`Reason::NotAPlugin`].
    pub(crate) fn compile(&self, bytes: &[u8], pace: Pace) -> Result<Compiled, Reason> {
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        if let Some(cache) = &self.cache
            && let Some(component) = cache.find(&self.engine, &sha256)
        {
            return Ok(Compiled { component, sha256 });
        }
        let component = component_bytes(bytes)?;
        let compiled = on_own_threads(pace, || Component::from_binary(&self.engine, &component));
        let component = compiled.map_err(|error| Reason::NotAPlugin(format!("{error:#}")))?;
        if let Some(cache) = &self.cache
            && let Err(error) = cache.keep(&sha256, &component)
        {
            tracing::warn!(%error, "a compiled plugin could not be kept");
        }
        Ok(Compiled { component, sha256 })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.ticker.end();
    }
}

/// A component as it is; a core module is made one (its contract is in a custom section that
/// wit-bindgen left).
fn component_bytes(bytes: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, Reason> {
    // The fourth and fifth octet behind the magic number tell core module from component.
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => Ok(bytes.into()),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => ComponentEncoder::default()
            .module(bytes)
            .and_then(|encoder| encoder.validate(true).encode())
            .map(Into::into)
            .map_err(|error| Reason::NotAPlugin(format!("{error:#}"))),
        _ => Err(Reason::NotAPlugin("not WebAssembly".into())),
    }
}

/// Runs where neither a worker nor its cache is disturbed more than need be.
fn on_own_threads<R: Send>(
    pace: Pace,
    compile: impl FnOnce() -> wasmtime::Result<R> + Send,
) -> wasmtime::Result<R> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = match pace {
        Pace::Alone => processors,
        Pace::Beside => processors.div_ceil(2),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|_| "plugin-compile".into())
        .start_handler(move |_| {
            if pace == Pace::Beside {
                stand_back();
            }
        })
        .build()?;
    pool.install(compile)
}

/// From now on this thread runs on a processor only while it would idle (Linux's `SCHED_IDLE`).
///
/// The lowest priority is not enough for what comes hundreds of times a second and runs for less than the scheduler's
/// slice: a worker that wakes up waits for the slice's end, whatever the priorities.
pub(crate) fn fill_idle_time() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    if set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle).is_err() {
        stand_back();
    }
}

/// From now on this thread has the lowest priority; it still gets some of a processor that never idles.
fn stand_back() {
    // On Linux the priority is the calling thread's own.
    let _ = rustix::process::setpriority_process(None, LOWEST_PRIORITY);
}

fn settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        .memory_reservation(RESERVED)
        .memory_guard_size(GUARD)
        .memory_may_move(false)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(8));
    config
}

fn pool() -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES)
        .total_core_instances(INSTANCES.saturating_mul(8))
        .total_memories(INSTANCES)
        .total_tables(INSTANCES.saturating_mul(4))
        .max_core_instances_per_component(64)
        .max_memories_per_component(4)
        .max_tables_per_component(16)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .table_elements(TABLE)
        .max_memory_size(crate::PluginConfig::MOST_MEMORY)
        .max_unused_warm_slots(32)
        .linear_memory_keep_resident(128 << 10)
        .table_keep_resident(16 << 10);
    InstanceAllocationStrategy::Pooling(pool)
}

/// What a guest's calls may take of the worker's own stack, which has two megabytes.
const STACK: usize = 512 << 10;
/// Address space of one memory; as much as the largest may have, so that none ever moves.
const RESERVED: u64 = crate::PluginConfig::MOST_MEMORY as u64;
const GUARD: u64 = 64 << 10;
/// Instances of all plugins and workers together.
const INSTANCES: u32 = 512;
/// Elements of one table.
pub(crate) const TABLE: usize = 32_768;
const LOWEST_PRIORITY: i32 = 19;
