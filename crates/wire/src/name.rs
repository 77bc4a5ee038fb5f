//! Header field names: the known ones, their compact forms, and look-up in any case.

/// A header field name that the index tells apart; everything else is [`HeaderId::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is the header field of its name")]
pub enum HeaderId {
    Accept,
    Allow,
    AllowEvents,
    AlertInfo,
    AuthenticationInfo,
    Authorization,
    CallId,
    CallInfo,
    Contact,
    ContentEncoding,
    ContentLength,
    ContentType,
    CSeq,
    Date,
    Diversion,
    Event,
    Expires,
    From,
    HistoryInfo,
    MaxBreadth,
    MaxForwards,
    MinExpires,
    PAssertedIdentity,
    PPreferredIdentity,
    Path,
    Privacy,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyRequire,
    Reason,
    RecordRoute,
    ReferTo,
    RemotePartyId,
    Require,
    RetryAfter,
    Route,
    Server,
    Subject,
    SubscriptionState,
    Supported,
    To,
    Unsupported,
    UserAgent,
    Via,
    Warning,
    WwwAuthenticate,
    Other,
}

impl HeaderId {
    /// How many there are, `Other` included.
    pub const COUNT: usize = HeaderId::Other as usize + 1;

    /// The identity of a name in any case, compact forms included (RFC 3261 7.3.3, 20).
    pub fn of(name: &[u8]) -> Self {
        let _ = name;
        todo!()
    }

    /// The name in its usual spelling; `Other` has none and gives "header".
    pub const fn name(self) -> &'static str {
        todo!()
    }
}
