//! Refuses by lists of patterns: who calls, who is called, from which address, with which program.

use bellhop_plugin::{pattern::Pattern, prelude::*};

/// The lists and the answer. README.md says what each matches.
pub struct BlockList {
    callers: Vec<Pattern>,
    callees: Vec<Pattern>,
    addresses: Vec<Pattern>,
    agents: Vec<Pattern>,
    status: u16,
    reason: Option<String>,
    /// Send nothing: a scanner learns nothing.
    silent: bool,
}

impl Plugin for BlockList {
    const HOOKS: &'static [Hook] = &[Hook::OnRegister, Hook::OnRequest];

    fn new(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&[
            "callers",
            "callees",
            "addresses",
            "agents",
            "status",
            "reason",
            "silent",
        ])?;
        let status = config.or("status", 403)?;
        if !(300..700).contains(&status) {
            return Err(config.error("status: expected 300 to 699"));
        }
        Ok(Self {
            callers: config.or("callers", Vec::new())?,
            callees: config.or("callees", Vec::new())?,
            addresses: config.or("addresses", Vec::new())?,
            agents: config.or("agents", Vec::new())?,
            status,
            reason: config.get("reason")?,
            silent: config.or("silent", false)?,
        })
    }

    fn on_register(&mut self, msg: &Message) -> RegisterVerdict {
        let summary = msg.summary();
        match self.hit(msg, &summary, &summary.to_uri, "") {
            Some(_) if self.silent => RegisterVerdict::Drop,
            Some(list) => self.reply(list).into(),
            None => RegisterVerdict::Continue,
        }
    }

    fn on_request(&mut self, msg: &Message) -> Verdict {
        let summary = msg.summary();
        // A call that was let in is not cut off: its BYE must pass.
        if summary.in_dialog {
            return Verdict::Continue;
        }
        match self.hit(msg, &summary, &summary.from_uri, &summary.ruri) {
            Some(_) if self.silent => Verdict::Drop,
            Some(list) => self.reply(list).into(),
            None => Verdict::Continue,
        }
    }
}

impl BlockList {
    /// The name of the first list that the request is on.
    fn hit(&self, msg: &Message, summary: &Summary, who: &str, to: &str) -> Option<&'static str> {
        let uri = |list: &[Pattern], uri: &str| list.iter().any(|one| one.matches_uri(uri));
        let text = |list: &[Pattern], text: &str| list.iter().any(|one| one.matches(text));
        if uri(&self.callers, who) {
            return Some("callers");
        }
        if uri(&self.callees, to) {
            return Some("callees");
        }
        if text(&self.agents, &summary.user_agent) {
            return Some("agents");
        }
        if self.callers.is_empty() && self.addresses.is_empty() {
            return None;
        }
        // A From can be made up; the authenticated user and the address cannot.
        let source = msg.source();
        if text(
            &self.callers,
            source.authenticated_user.as_deref().unwrap_or_default(),
        ) {
            return Some("callers");
        }
        text(&self.addresses, &source.address).then_some("addresses")
    }

    fn reply(&self, list: &'static str) -> Reply {
        bellhop_plugin::log::info(&format!("refused by the list of {list}"));
        let reply = Reply::new(self.status);
        match &self.reason {
            Some(reason) => reply.reason(reason.as_str()),
            None => reply,
        }
    }
}

bellhop_plugin::export!(BlockList);

#[cfg(test)]
mod tests;
