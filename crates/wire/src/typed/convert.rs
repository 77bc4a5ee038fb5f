//! From our views into `rsip`'s public fields, never through its parsers.

use super::{TypedError, guard};
use crate::view::params::Param;
use crate::{Host, Method, NameAddr, Params, Scheme, UriRef, ViaRef};

/// A view that has a counterpart `T` in `rsip`'s vocabulary.
pub trait ToRsip<T> {
    /// The owned counterpart.
    ///
    /// # Errors
    /// `Unrepresentable`, `Text`, or `Lossy` when the counterpart, written by [`super::WriteSip`] and
    /// read again, is not this view.
    fn to_rsip(&self) -> Result<T, TypedError>;
}

/// `tel` and other schemes keep everything behind the colon (for `tel`: up to the parameters) in the
/// domain, escapes stay as they are in all parts.
impl ToRsip<rsip::Uri> for UriRef<'_> {
    fn to_rsip(&self) -> Result<rsip::Uri, TypedError> {
        let uri = uri(self)?;
        guard::uri(self, &uri)?;
        Ok(uri)
    }
}

impl ToRsip<rsip::typed::From> for NameAddr<'_> {
    fn to_rsip(&self) -> Result<rsip::typed::From, TypedError> {
        let (display_name, uri, params) = name_addr(self)?;
        let from = rsip::typed::From {
            display_name,
            uri,
            params,
        };
        guard::name_addr(self, &from)?;
        Ok(from)
    }
}

impl ToRsip<rsip::typed::To> for NameAddr<'_> {
    fn to_rsip(&self) -> Result<rsip::typed::To, TypedError> {
        let (display_name, uri, params) = name_addr(self)?;
        let to = rsip::typed::To {
            display_name,
            uri,
            params,
        };
        guard::name_addr(self, &to)?;
        Ok(to)
    }
}

impl ToRsip<rsip::typed::Contact> for NameAddr<'_> {
    fn to_rsip(&self) -> Result<rsip::typed::Contact, TypedError> {
        let (display_name, uri, params) = name_addr(self)?;
        let contact = rsip::typed::Contact {
            display_name,
            uri,
            params,
        };
        guard::name_addr(self, &contact)?;
        Ok(contact)
    }
}

/// One element of Route, Record-Route or Path; it must have no display name.
impl ToRsip<rsip::UriWithParams> for NameAddr<'_> {
    fn to_rsip(&self) -> Result<rsip::UriWithParams, TypedError> {
        let (None, uri, params) = name_addr(self)? else {
            return Err(TypedError::Unrepresentable);
        };
        let hop = rsip::UriWithParams { uri, params };
        guard::name_addr(self, &hop)?;
        Ok(hop)
    }
}

impl ToRsip<rsip::typed::Via> for ViaRef<'_> {
    fn to_rsip(&self) -> Result<rsip::typed::Via, TypedError> {
        let via = rsip::typed::Via {
            version: rsip::Version::V2,
            transport: transport(self.transport).ok_or(TypedError::Unrepresentable)?,
            uri: host_with_port(self.host, self.port)?.into(),
            params: params(self.params)?,
        };
        guard::via(self, &via)?;
        Ok(via)
    }
}

impl ToRsip<rsip::Method> for Method<'_> {
    fn to_rsip(&self) -> Result<rsip::Method, TypedError> {
        method(self.as_bytes()).ok_or(TypedError::Unrepresentable)
    }
}

impl ToRsip<rsip::typed::CSeq> for (u32, Method<'_>) {
    fn to_rsip(&self) -> Result<rsip::typed::CSeq, TypedError> {
        Ok((self.0, self.1.to_rsip()?).into())
    }
}

impl From<rsip::Method> for Method<'static> {
    fn from(method: rsip::Method) -> Self {
        match method {
            rsip::Method::Ack => Self::Ack,
            rsip::Method::Bye => Self::Bye,
            rsip::Method::Cancel => Self::Cancel,
            rsip::Method::Info => Self::Info,
            rsip::Method::Invite => Self::Invite,
            rsip::Method::Message => Self::Message,
            rsip::Method::Notify => Self::Notify,
            rsip::Method::Options => Self::Options,
            rsip::Method::PRack => Self::Prack,
            rsip::Method::Publish => Self::Publish,
            rsip::Method::Refer => Self::Refer,
            rsip::Method::Register => Self::Register,
            rsip::Method::Subscribe => Self::Subscribe,
            rsip::Method::Update => Self::Update,
        }
    }
}

fn uri(view: &UriRef<'_>) -> Result<rsip::Uri, TypedError> {
    if view.headers.is_some() {
        return Err(TypedError::Unrepresentable);
    }
    let (scheme, host_with_port) = match (view.scheme, view.host) {
        (Scheme::Sip, Some(host)) => (rsip::Scheme::Sip, host_with_port(host, view.port)?),
        (Scheme::Sips, Some(host)) => (rsip::Scheme::Sips, host_with_port(host, view.port)?),
        (Scheme::Tel, _) => {
            let number = rsip::Domain::from(text(view.user.unwrap_or_default())?);
            (rsip::Scheme::Other("tel".into()), number.into())
        }
        _ => {
            let (scheme, rest) = text(view.raw)?.split_once(':').ok_or(TypedError::Lossy)?;
            (
                rsip::Scheme::Other(scheme.into()),
                rsip::Domain::from(rest).into(),
            )
        }
    };
    let auth = match view.user {
        Some(user) if view.scheme != Scheme::Tel => Some(rsip::Auth {
            user: text(user)?.into(),
            password: view.password.map(text).transpose()?.map(Into::into),
        }),
        _ => None,
    };
    Ok(rsip::Uri {
        scheme: Some(scheme),
        auth,
        host_with_port,
        params: params(view.params)?,
        headers: Vec::new(),
    })
}

/// Display name (quotes kept), URI and parameters.
type NameAddrParts = (Option<String>, rsip::Uri, Vec<rsip::Param>);

fn name_addr(view: &NameAddr<'_>) -> Result<NameAddrParts, TypedError> {
    Ok((
        view.display.map(text).transpose()?.map(Into::into),
        uri(&view.uri)?,
        params(view.params)?,
    ))
}

fn host_with_port(host: Host<'_>, port: Option<u16>) -> Result<rsip::HostWithPort, TypedError> {
    let host = match host {
        Host::Name(name) => rsip::Host::Domain(text(name)?.into()),
        Host::Ip(ip) => rsip::Host::IpAddr(ip),
    };
    Ok(rsip::HostWithPort {
        host,
        port: port.map(Into::into),
    })
}

fn params(view: Params<'_>) -> Result<Vec<rsip::Param>, TypedError> {
    view.iter().map(param).collect()
}

/// Every parameter as `rsip` names it; what it would change or refuse goes in as an other one.
fn param(view: Param<'_>) -> Result<rsip::Param, TypedError> {
    let name = text(view.name)?;
    let value = view.value.map(text).transpose()?;
    Ok(match (name.to_ascii_lowercase().as_str(), value) {
        ("lr", None) => rsip::Param::Lr,
        ("user", Some(v)) => rsip::Param::User(v.into()),
        ("ttl", Some(v)) => rsip::Param::Ttl(v.into()),
        ("maddr", Some(v)) => rsip::Param::Maddr(v.into()),
        ("branch", Some(v)) => rsip::Param::Branch(v.into()),
        ("received", Some(v)) => rsip::Param::Received(v.into()),
        ("tag", Some(v)) => rsip::Param::Tag(v.into()),
        ("expires", Some(v)) => rsip::Param::Expires(v.into()),
        ("q", Some(v)) => rsip::Param::Q(v.into()),
        (known, Some(v)) => match (known, transport(v.as_bytes()), method(v.as_bytes())) {
            ("transport", Some(transport), _) => rsip::Param::Transport(transport),
            ("method", _, Some(method)) => rsip::Param::Method(method),
            _ => rsip::Param::Other(name.into(), Some(v.into())),
        },
        (_, None) => rsip::Param::Other(name.into(), None),
    })
}

/// Transports compare without case (RFC 3261 7.3.1).
fn transport(name: &[u8]) -> Option<rsip::Transport> {
    rsip::Transport::all()
        .into_iter()
        .find(|known| known.to_string().as_bytes().eq_ignore_ascii_case(name))
}

/// Methods do not (RFC 3261 7.1).
fn method(name: &[u8]) -> Option<rsip::Method> {
    rsip::Method::all()
        .into_iter()
        .find(|known| Method::from(*known).as_bytes() == name)
}

fn text(bytes: &[u8]) -> Result<&str, TypedError> {
    std::str::from_utf8(bytes).map_err(|_| TypedError::Text)
}
