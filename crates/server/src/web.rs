//! Clients of services that the operator has named.

use crate::config::Trust;
use std::time::Duration;
use ureq::{
    Agent,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

/// A client that gives a request up after `timeout`. It keeps its connections, and follows no redirect and no
/// proxy of the environment: where it goes is as the configuration says.
///
/// # Errors
/// The certificates cannot be read.
pub(crate) fn agent(timeout: Duration, trust: &Trust) -> Result<Agent, String> {
    let roots = match &trust.ca {
        Some(pem) => RootCerts::new_with_certs(&certificates(pem)?),
        None => RootCerts::WebPki,
    };
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(timeout))
        .max_response_header_size(16 << 10)
        .user_agent("bellhop")
        .tls_config(TlsConfig::builder().root_certs(roots).build());
    Ok(config.build().new_agent())
}

/// The value of Authorization by which a service knows us (RFC 6750 2.1).
pub(crate) fn authorization(trust: &Trust) -> Option<String> {
    let token = trust.token.as_ref()?;
    Some(format!("Bearer {}", token.reveal()))
}

fn certificates(pem: &str) -> Result<Vec<Certificate<'static>>, String> {
    let certificates = parse_pem(pem.as_bytes()).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
        Ok(_) => None,
        Err(error) => Some(Err(error.to_string())),
    });
    let certificates = certificates.collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        return Err("no certificate in it".to_owned());
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        for pem in [
            "",
            "no PEM",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        ] {
            let trust = Trust {
                ca: Some(pem.to_owned()),
                ..Trust::default()
            };
            assert!(agent(Duration::from_secs(1), &trust).is_err(), "{pem}");
        }
    }
}
