//! One side of a dialog of ours that a SUBSCRIBE makes (RFC 3261 12, RFC 6665 4.4.1).

use bellhop_wire::{HeaderId, Message, NameAddr};

/// What our requests in it are made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// Its Call-ID.
    pub call_id: Box<[u8]>,
    /// Our From, less its tag.
    pub local: Box<[u8]>,
    /// Our tag.
    pub local_tag: Box<[u8]>,
    /// Our To, tag included if there is one.
    pub remote: Box<[u8]>,
    /// Empty: the other side has not answered.
    pub remote_tag: Box<[u8]>,
    /// The Request-URI.
    pub target: Box<[u8]>,
    /// Route values, the first to be gone to in front.
    pub routes: Vec<Box<[u8]>>,
    /// Our last CSeq number.
    pub cseq: u32,
    /// The other side's.
    pub remote_cseq: Option<u32>,
}

impl Dialog {
    /// The one that this request makes with us (12.1.1). `None`: it has no Contact, or none that can be read, or came by more
    /// hops than are kept.
    pub(crate) fn of_request(request: Message<'_>, tag: &[u8]) -> Option<Self> {
        let (cseq, _) = request.cseq().ok()?;
        let routes = request.values(HeaderId::RecordRoute);
        let routes: Vec<Box<[u8]>> = routes.map(|value| value.raw.into()).collect();
        if routes.len() > MOST_ROUTES {
            return None;
        }
        Some(Self {
            call_id: request.call_id().into(),
            local: request.first(HeaderId::To)?.value.into(),
            local_tag: tag.into(),
            remote: request.first(HeaderId::From)?.value.into(),
            remote_tag: request.from_tag()?.into(),
            target: contact_of(request)?,
            routes,
            cseq: 0,
            remote_cseq: Some(cseq),
        })
    }

    /// How many bytes of the other side's making it keeps.
    pub(crate) fn weight(&self) -> usize {
        let texts = [
            &self.call_id,
            &self.local,
            &self.remote,
            &self.remote_tag,
            &self.target,
        ];
        let all = texts.into_iter().chain(&self.routes);
        all.fold(0, |sum, text| sum.saturating_add(text.len()))
    }

    /// What a 2xx or a NOTIFY, the first of the other side, adds to a dialog of ours (12.1.2), or a later one
    /// changes (12.2.1.2).
    /// Another's, of a fork that came later, changes nothing (RFC 6665 4.4.1).
    pub(crate) fn hear(&mut self, message: Message<'_>) {
        let (end, is_answer) = match message.status() {
            Some(_) => (message.first(HeaderId::To), true),
            None => (message.first(HeaderId::From), false),
        };
        let tag = if is_answer {
            message.to_tag()
        } else {
            message.from_tag()
        };
        let is_known = !self.remote_tag.is_empty();
        if is_known && tag != Some(&*self.remote_tag) {
            return;
        }
        if let Some(target) = contact_of(message) {
            self.target = target;
        }
        if is_known {
            return;
        }
        let (Some(end), Some(tag)) = (end, tag) else {
            return;
        };
        self.remote = end.value.into();
        self.remote_tag = tag.into();
        let routes = message.values(HeaderId::RecordRoute);
        self.routes = routes
            .take(MOST_ROUTES)
            .map(|value| value.raw.into())
            .collect();
        if is_answer {
            self.routes.reverse();
        }
    }
}

/// The URI in a message's Contact.
pub(crate) fn contact_of(message: Message<'_>) -> Option<Box<[u8]>> {
    let contact = message.first_value(HeaderId::Contact)?;
    let contact = NameAddr::parse(contact.raw).ok()?;
    Some(contact.uri.raw.into())
}

const MOST_ROUTES: usize = 16;
