//! A plugin in its world: calls hooks by the host's rules.

use std::{rc::Rc, time::Duration};

use super::{
    Message, rules,
    world::{Phase, World, enter},
};
use crate::{
    Config, DialogEvent, Failure, FailureVerdict, Hook, Plugin, RegisterVerdict, Route, Verdict,
    call::Mode,
    http::{Error, Request, Response},
    json::Json,
    locations::Binding,
    upstreams::Member,
};

/// One instance of a plugin and the world that it shares with its [other workers](Self::worker).
///
/// Its hooks panic where the host would count a failure of the plugin: a verdict that breaks a rule,
/// a hook that `HOOKS` does not name, a host call that is not granted.
pub struct Harness<P> {
    plugin: P,
    world: Rc<World>,
    config: String,
}

impl<P: Plugin> Harness<P> {
    /// A plugin with this configuration (JSON), checked and started as the host does it. All
    /// capabilities are granted; the time is 2026-01-01 00:00 UTC, a Thursday.
    ///
    /// # Errors
    /// What the plugin says against the configuration.
    pub fn new(config: &str) -> Result<Self, String> {
        Self::within(Rc::default(), config)
    }

    /// Another instance of the plugin, as another worker of the host has one: the store and all else
    /// outside is the same.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn worker(&self) -> Result<Self, String> {
        Self::within(Rc::clone(&self.world), &self.config)
    }

    /// Calls the hook.
    pub fn on_register(&mut self, msg: &Message) -> RegisterVerdict {
        let verdict = self.call(Hook::OnRegister, |plugin| plugin.on_register(msg));
        taken(rules::register_verdict(&verdict));
        verdict
    }

    /// Calls the hook.
    pub fn on_request(&mut self, msg: &Message) -> Verdict {
        self.about(msg, true);
        let verdict = self.call(Hook::OnRequest, |plugin| plugin.on_request(msg));
        taken(rules::verdict(&verdict, &msg.method()));
        verdict
    }

    /// Calls the hook.
    pub fn on_route(&mut self, msg: &Message) -> Option<Route> {
        self.about(msg, true);
        let route = self.call(Hook::OnRoute, |plugin| plugin.on_route(msg));
        taken(route.as_ref().map_or(Ok(()), rules::route));
        route
    }

    /// Calls the hook.
    pub fn on_failure(&mut self, msg: &Message, failure: &Failure) -> FailureVerdict {
        self.about(msg, false);
        let verdict = self.call(Hook::OnFailure, |plugin| plugin.on_failure(msg, failure));
        taken(rules::failure_verdict(&verdict, &msg.method()));
        verdict
    }

    /// Calls the hook.
    pub fn on_response(&mut self, response: &Message) {
        self.call(Hook::OnResponse, |plugin| plugin.on_response(response));
    }

    /// Calls the hook.
    pub fn on_dialog(&mut self, event: &DialogEvent) {
        self.call(Hook::OnDialog, |plugin| plugin.on_dialog(event));
    }

    /// Calls the hook.
    pub fn on_timer(&mut self) {
        self.call(Hook::OnTimer, P::on_timer);
    }

    /// The plugin itself.
    pub fn plugin(&mut self) -> &mut P {
        &mut self.plugin
    }

    fn within(world: Rc<World>, config: &str) -> Result<Self, String> {
        let json = Json::parse(config).map_err(|error| error.to_string())?;
        let make = || P::new(&Config::new(&json)).map_err(|error| error.to_string());
        // The host checks a configuration before it starts a plugin with it.
        enter(&world, Phase::Checking, make)?;
        let plugin = enter(&world, Phase::Hurried, || {
            let mut plugin = make()?;
            plugin.start()?;
            Ok::<P, String>(plugin)
        })?;
        let config = config.to_owned();
        Ok(Self {
            plugin,
            world,
            config,
        })
    }

    fn call<R>(&mut self, hook: Hook, call: impl FnOnce(&mut P) -> R) -> R {
        assert!(
            P::HOOKS.contains(&hook),
            "{hook:?} is not in HOOKS: the host never calls it"
        );
        let phase = match hook {
            Hook::OnResponse => Phase::Hurried,
            _ => Phase::Calling,
        };
        let said = enter(&self.world, phase, || call(&mut self.plugin));
        self.world.call.set(None);
        said
    }

    /// The hook to be called is about this message, and may choose a mode for its call or not.
    fn about(&self, msg: &Message, may_choose: bool) {
        let begins = msg.method() == "INVITE" && !msg.summary().in_dialog;
        self.world.call.set(begins.then_some(may_choose));
    }
}

/// What the plugin sees.
impl<P> Harness<P> {
    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let now = self.world.now_ms.get().saturating_add(by);
        self.world.now_ms.set(now);
    }

    /// Sets the time, in milliseconds since 1970.
    pub fn set_unix_ms(&self, now: u64) {
        self.world.now_ms.set(now);
    }

    /// From now on only these capabilities are granted.
    pub fn grant(&self, capabilities: &[&str]) {
        let list = capabilities.iter().map(|&one| one.to_owned()).collect();
        *self.world.grants.borrow_mut() = Some(list);
    }

    /// Answers the plugin's web requests.
    pub fn serve(&self, service: impl FnMut(&Request) -> Result<Response, Error> + 'static) {
        *self.world.service.borrow_mut() = Some(Box::new(service));
    }

    /// Answers them all with a status and a body.
    pub fn serve_text(&self, status: u16, body: &str) {
        let body = body.as_bytes().to_vec();
        self.serve(move |_| {
            let body = body.clone();
            let headers = Vec::new();
            Ok(Response {
                status,
                headers,
                body,
            })
        });
    }

    /// Registers a contact (`q` in thousandths) of an address of record.
    pub fn bind(&self, aor: &str, contact: &str, q: u16) {
        let binding = Binding {
            contact: contact.to_owned(),
            received: None,
            q,
            expires_s: 3600,
            user_agent: String::new(),
        };
        let mut bindings = self.world.bindings.borrow_mut();
        bindings.entry(aor.to_owned()).or_default().push(binding);
    }

    /// Configures a group of upstreams.
    pub fn group(&self, name: &str, members: Vec<Member>) {
        self.world
            .groups
            .borrow_mut()
            .insert(name.to_owned(), members);
    }

    /// Sets how many calls are in progress of which `key` is `value`.
    pub fn set_dialogs(&self, key: &str, value: &str, count: u32) {
        let of = (key.to_owned(), value.to_owned());
        self.world.dialogs.borrow_mut().insert(of, count);
    }
}

/// What the plugin did.
impl<P> Harness<P> {
    /// A value of the store.
    pub fn stored(&self, key: &str) -> Option<Vec<u8>> {
        self.world.store.borrow().get(key, self.world.now_ms.get())
    }

    /// What it has published of a resource, for an event package.
    pub fn published(&self, resource: &str, package: &str) -> Option<Vec<u8>> {
        let of = (resource.to_owned(), package.to_owned());
        self.world.published.borrow().get(&of).cloned()
    }

    /// The mode that it has chosen last for a call.
    pub fn mode(&self) -> Option<Mode> {
        self.world.mode.get()
    }

    /// What it has noted in a call's record.
    pub fn recorded(&self, key: &str) -> Option<String> {
        self.world.recorded.borrow().get(key).cloned()
    }

    /// The web requests, in order.
    pub fn fetched(&self) -> Vec<Request> {
        self.world.fetched.borrow().clone()
    }

    /// The lines of the log: level, space, text.
    pub fn lines(&self) -> Vec<String> {
        self.world.lines.borrow().clone()
    }

    /// A counter's count.
    pub fn counter(&self, name: &str) -> u64 {
        self.world.counters.borrow().get(name).copied().unwrap_or(0)
    }

    /// A histogram's values.
    pub fn observed(&self, name: &str) -> Vec<f64> {
        self.world
            .values
            .borrow()
            .get(name)
            .cloned()
            .unwrap_or_default()
    }

    /// The calls that were ended: Call-ID, status, reason.
    pub fn ended(&self) -> Vec<(String, u16, String)> {
        self.world.ended.borrow().clone()
    }
}

fn taken(result: Result<(), String>) {
    let refused = result.err();
    assert_eq!(refused, None, "the host would refuse this verdict");
}
