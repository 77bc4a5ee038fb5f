//! Short ways to make verdicts, replies, routes and targets, and to look into them.

use crate::{
    Body, Challenge, FailureVerdict, ForkMode, HeaderField, RegisterVerdict, Reply, Route, Target,
    Verdict,
};

impl Reply {
    /// A final response of this status with the host's standard phrase. 300 to 699; 200 to 299 only
    /// for a request that makes no dialog.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            reason: None,
            headers: Vec::new(),
            body: None,
        }
    }

    /// With this phrase.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// With one more header field, by the rules of [`Message::add_header`](crate::Message::add_header).
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(field(name, value));
        self
    }

    /// With this body.
    pub fn body(mut self, content_type: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        self.body = Some(Body {
            content_type: content_type.into(),
            data: data.into(),
        });
        self
    }

    /// 302 to one other place (RFC 3261, 21.3.3).
    pub fn moved_to(uri: &str) -> Self {
        Self::new(302).header("Contact", format!("<{uri}>"))
    }
}

impl Target {
    /// A place by its URI (sip, sips or tel), of middle priority.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            next_hop: None,
            priority: 500,
            timeout_ms: None,
            headers: Vec::new(),
            tag: String::new(),
        }
    }

    /// Sent here instead of where the URI resolves to: "sip:198.51.100.7:5060;transport=tcp" or
    /// "group:NAME".
    pub fn via(mut self, next_hop: impl Into<String>) -> Self {
        self.next_hop = Some(next_hop.into());
        self
    }

    /// 0 to 1000, higher first.
    pub fn priority(mut self, priority: u16) -> Self {
        self.priority = priority;
        self
    }

    /// Given up after so many milliseconds without a final response.
    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    /// With a header field on this branch only, by the rules of
    /// [`Message::set_header`](crate::Message::set_header).
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(field(name, value));
        self
    }

    /// Text for logs, handed back in [`Attempt::tag`](crate::Attempt).
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = tag.into();
        self
    }
}

impl Route {
    /// One target after the other, by priority.
    pub fn serial(targets: impl IntoIterator<Item = Target>) -> Self {
        Self::of(ForkMode::Serial, targets)
    }

    /// All targets at once.
    pub fn parallel(targets: impl IntoIterator<Item = Target>) -> Self {
        Self::of(ForkMode::Parallel, targets)
    }

    /// One target.
    pub fn to(target: Target) -> Self {
        Self::serial([target])
    }

    /// Does not stay on the path of later requests of the dialog.
    pub fn without_record_route(mut self) -> Self {
        self.record_route = false;
        self
    }

    fn of(mode: ForkMode, targets: impl IntoIterator<Item = Target>) -> Self {
        Self {
            targets: targets.into_iter().collect(),
            mode,
            record_route: true,
        }
    }
}

impl Challenge {
    /// 407 with Proxy-Authenticate (RFC 3261, 22.3).
    pub fn proxy(realm: impl Into<String>) -> Self {
        Self {
            realm: realm.into(),
            proxy: true,
        }
    }

    /// 401 with WWW-Authenticate (RFC 3261, 22.2).
    pub fn user(realm: impl Into<String>) -> Self {
        Self {
            realm: realm.into(),
            proxy: false,
        }
    }
}

impl Verdict {
    /// The status of the reply; none if it is another verdict.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Reply(reply) => Some(reply.status),
            _ => None,
        }
    }

    /// The targets in the order in which they are tried; empty if it is another verdict.
    pub fn targets(&self) -> Vec<&Target> {
        match self {
            Self::Route(route) => route.order(),
            _ => Vec::new(),
        }
    }
}

impl RegisterVerdict {
    /// The status of the reply; none if it is another verdict.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Reply(reply) => Some(reply.status),
            _ => None,
        }
    }
}

impl FailureVerdict {
    /// The status of the reply; none if it is another verdict.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Reply(reply) => Some(reply.status),
            _ => None,
        }
    }

    /// The targets in the order in which they are tried; empty if it is another verdict.
    pub fn targets(&self) -> Vec<&Target> {
        match self {
            Self::Route(route) => route.order(),
            _ => Vec::new(),
        }
    }
}

impl Route {
    /// The targets in the order in which they are tried: by priority, then as listed.
    pub fn order(&self) -> Vec<&Target> {
        let mut targets: Vec<&Target> = self.targets.iter().collect();
        targets.sort_by_key(|target| std::cmp::Reverse(target.priority));
        targets
    }
}

impl From<Reply> for Verdict {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<Route> for Verdict {
    fn from(route: Route) -> Self {
        Self::Route(route)
    }
}

impl From<Challenge> for Verdict {
    fn from(challenge: Challenge) -> Self {
        Self::Challenge(challenge)
    }
}

impl From<Reply> for RegisterVerdict {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<Challenge> for RegisterVerdict {
    fn from(challenge: Challenge) -> Self {
        Self::Challenge(challenge)
    }
}

impl From<Reply> for FailureVerdict {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<Route> for FailureVerdict {
    fn from(route: Route) -> Self {
        Self::Route(route)
    }
}

fn field(name: impl Into<String>, value: impl Into<String>) -> HeaderField {
    HeaderField {
        name: name.into(),
        value: value.into(),
    }
}
