//! From what a guest says to what the core is told: checked, for a verdict that breaks a rule is a failure.

use crate::contract::exports::sip::policy::hooks;
use crate::contract::sip::policy::types;
use crate::error::Fault;
use crate::grants::{Capability, Grants};
use crate::guest::owned;
use bellhop_core::policy::{
    Body, Challenge, ChangeError, Changes, Fork, NextHop, Reply, Route, Target, Verdict,
};
use bellhop_wire::{Message, Method};
use std::time::Duration;

/// What a verdict is checked against.
pub(crate) struct Rules<'r> {
    pub(crate) request: Message<'r>,
    pub(crate) grants: Grants,
}

impl Rules<'_> {
    pub(crate) fn request(&self, verdict: hooks::Verdict) -> Result<Verdict, Fault> {
        Ok(match verdict {
            hooks::Verdict::Continue => Verdict::Continue,
            hooks::Verdict::Accept => Verdict::Accept { expires: None },
            hooks::Verdict::Reply(reply) => Verdict::Reply(self.reply(reply)?),
            hooks::Verdict::Challenge(challenge) => asked(&challenge),
            hooks::Verdict::Route(route) => Verdict::Route(self.way(route)?),
            hooks::Verdict::Drop => Verdict::Drop,
        })
    }

    pub(crate) fn register(&self, verdict: hooks::RegisterVerdict) -> Result<Verdict, Fault> {
        Ok(match verdict {
            hooks::RegisterVerdict::Continue => Verdict::Continue,
            hooks::RegisterVerdict::Accept(expires) => Verdict::Accept { expires },
            hooks::RegisterVerdict::Reply(reply) => Verdict::Reply(self.reply(reply)?),
            hooks::RegisterVerdict::Challenge(challenge) => asked(&challenge),
            hooks::RegisterVerdict::Drop => Verdict::Drop,
        })
    }

    pub(crate) fn route(&self, route: Option<types::Route>) -> Result<Verdict, Fault> {
        route.map_or(Ok(Verdict::Continue), |route| {
            Ok(Verdict::Route(self.way(route)?))
        })
    }

    /// `give-up` is the core's `Accept`: no other plugin is asked, and its own rules go on.
    pub(crate) fn failure(&self, verdict: hooks::FailureVerdict) -> Result<Verdict, Fault> {
        Ok(match verdict {
            hooks::FailureVerdict::Continue => Verdict::Continue,
            hooks::FailureVerdict::GiveUp => Verdict::Accept { expires: None },
            hooks::FailureVerdict::Reply(reply) => Verdict::Reply(self.reply(reply)?),
            hooks::FailureVerdict::Route(route) => Verdict::Route(self.way(route)?),
        })
    }

    fn reply(&self, reply: types::Reply) -> Result<Reply, Fault> {
        let makes_dialog = match self.request.method() {
            Some(method) => [
                Method::Invite,
                Method::Subscribe,
                Method::Refer,
                Method::Update,
            ]
            .contains(&method),
            None => true,
        };
        match reply.status {
            300..=699 => {}
            200..=299 if !makes_dialog => {}
            status => {
                return Err(wrong(format!(
                    "a reply with status {status} to this request"
                )));
            }
        }
        if let Some(reason) = &reply.reason {
            line("reason phrase", reason)?;
        }
        let mut headers = Changes::default();
        for field in &reply.headers {
            let is_contact = ["contact", "m"]
                .iter()
                .any(|name| field.name.eq_ignore_ascii_case(name));
            let added = if is_contact && (300..400).contains(&reply.status) {
                headers.add_contact(&field.value)
            } else {
                headers.add_header(&field.name, field.value.as_bytes())
            };
            added.map_err(|error| in_header(field, error))?;
        }
        Ok(Reply {
            status: reply.status,
            reason: reply.reason.map(Into::into),
            headers,
            body: reply.body.map(checked).transpose()?,
        })
    }

    fn way(&self, route: types::Route) -> Result<Route, Fault> {
        if route.targets.is_empty() || route.targets.len() > Route::MOST {
            return Err(wrong(format!(
                "a route with {} targets",
                route.targets.len()
            )));
        }
        let targets: Result<_, Fault> = route.targets.into_iter().map(|t| self.target(t)).collect();
        Ok(Route {
            targets: targets?,
            mode: match route.mode {
                types::ForkMode::Serial => Fork::Serial,
                types::ForkMode::Parallel => Fork::Parallel,
            },
            record_route: route.record_route,
        })
    }

    fn target(&self, target: types::Target) -> Result<Target, Fault> {
        uri(&target.uri)?;
        line("tag", &target.tag)?;
        if target.priority > 1_000 || target.timeout_ms == Some(0) {
            return Err(wrong(
                "a target's priority over 1000, or a timeout of 0".into(),
            ));
        }
        if !target.headers.is_empty() && !self.grants.has(Capability::Edit) {
            return Err(wrong(
                "header fields on a branch without the capability \"edit\"".into(),
            ));
        }
        let mut headers = Changes::default();
        for field in &target.headers {
            let set = headers.set_header(&field.name, field.value.as_bytes());
            set.map_err(|error| in_header(field, error))?;
        }
        Ok(Target {
            next_hop: target.next_hop.map(next_hop).transpose()?,
            uri: target.uri.into(),
            priority: target.priority,
            timeout: target.timeout_ms.map(|ms| Duration::from_millis(ms.into())),
            headers,
            tag: target.tag.into(),
        })
    }
}

fn asked(challenge: &types::Challenge) -> Verdict {
    Verdict::Challenge(Challenge {
        is_proxy: challenge.proxy,
    })
}

fn next_hop(text: String) -> Result<NextHop, Fault> {
    if let Some(group) = text.strip_prefix("group:") {
        line("group", group)?;
        return Ok(NextHop::Group(group.into()));
    }
    let scheme = text.split(':').next().unwrap_or_default();
    if !["sip", "sips"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Err(wrong(format!(
            "a next hop that is neither a SIP URI nor group:NAME: {text:.64?}"
        )));
    }
    uri(&text)?;
    Ok(NextHop::Uri(text.into()))
}

fn uri(text: &str) -> Result<(), Fault> {
    let checked = Changes::default().set_uri(text);
    checked.map_err(|_| wrong(format!("not a sip, sips or tel URI: {text:.64?}")))
}

fn checked(body: types::Body) -> Result<Body, Fault> {
    let body = owned(body);
    let fits = Changes::default().set_body(Some(body.clone()));
    fits.map_err(|_| wrong("a body without Content-Type, or too long".into()))?;
    Ok(body)
}

fn line(what: &str, text: &str) -> Result<(), Fault> {
    if text.len() > LONGEST_LINE || text.chars().any(char::is_control) {
        return Err(wrong(format!(
            "a {what} with control characters, or too long: {text:.64?}"
        )));
    }
    Ok(())
}

fn in_header(field: &types::HeaderField, error: ChangeError) -> Fault {
    let why = match error {
        ChangeError::Protected => "protected",
        ChangeError::Malformed(why) => why,
    };
    wrong(format!("header field {:.64?}: {why}", field.name))
}

fn wrong(what: String) -> Fault {
    Fault::Verdict(what)
}

const LONGEST_LINE: usize = 128;
