//! Phones that sleep, and how they are woken: push notifications (RFC 8599).

use crate::registrar::Aor;
use bellhop_wire::UriRef;
use memchr::memmem;
use std::time::Duration;

/// Which sleeping phones are woken, and how long is waited for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The notification services that our hook can reach, as phones name them in `pn-provider`.
    pub providers: Vec<String>,
    /// How long a request waits for the phone to register again.
    pub patience: Duration,
    /// A phone that has registered so recently is awake.
    pub awake: Duration,
}

/// Where a phone is notified: three parameters of its Contact's URI (RFC 8599 14.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// `pn-provider`: the notification service.
    pub provider: &'a [u8],
    /// `pn-param`: what the service wants to know besides.
    pub param: Option<&'a [u8]>,
    /// `pn-prid`: which phone.
    pub prid: &'a [u8],
}

/// A phone that is to be woken, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    /// Whose phone it is.
    pub aor: Aor,
    /// Its Contact's URI, which has an [`Address`].
    pub contact: Box<[u8]>,
    /// What for.
    pub reason: Reason,
}

/// What a phone is woken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A request waits for it.
    Request {
        /// Its method.
        method: String,
        /// Its Call-ID.
        call_id: String,
    },
    /// Its binding is about to end (RFC 8599 5.5).
    Refresh,
}

impl Push {
    /// Whether our hook reaches the service that an address names.
    pub fn reaches(&self, provider: &[u8]) -> bool {
        let is_it = |known: &String| known.as_bytes().eq_ignore_ascii_case(provider);
        self.providers.iter().any(is_it)
    }
}

impl<'a> Address<'a> {
    /// The address in a Contact's URI, if it has a whole one.
    pub fn of(contact: &'a [u8]) -> Option<Self> {
        // Hardly any has one, and most URIs are not worth reading for it.
        memmem::find(contact, b"pn-")?;
        let params = UriRef::parse(contact).ok()?.params;
        let filled = |name| params.value(name).filter(|value| !value.is_empty());
        Some(Self {
            provider: filled("pn-provider")?,
            param: filled("pn-param"),
            prid: filled("pn-prid")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_from_a_contact() {
        let contact = b"sip:alice@192.0.2.1:5060;pn-provider=acme;pn-param=app;pn-prid=ZTY4ZDJl";
        let address = Address::of(contact).unwrap();
        assert_eq!(address.provider, b"acme");
        assert_eq!(address.param, Some(&b"app"[..]));
        assert_eq!(address.prid, b"ZTY4ZDJl");
    }

    #[test]
    fn without_a_service_or_the_phones_name_there_it_is_none() {
        for contact in [
            "sip:alice@192.0.2.1",
            "sip:pn-prid@192.0.2.1",
            "sip:a@192.0.2.1;pn-provider=acme",
            "sip:a@192.0.2.1;pn-provider;pn-prid=x",
            "sip:a@192.0.2.1;pn-prid=x",
            "sip:a@192.0.2.1;pn-provider=acme;pn-prid=",
        ] {
            assert_eq!(Address::of(contact.as_bytes()), None, "{contact}");
        }
    }

    #[test]
    fn services_are_known_in_any_case() {
        let push = Push {
            providers: vec!["acme".to_owned()],
            patience: Duration::from_secs(20),
            awake: Duration::from_secs(5),
        };
        assert!(push.reaches(b"ACME") && !push.reaches(b"fcm"));
    }
}
