//! `[[subscriptions.list]]`: lists of resources that one subscription watches (RFC 4662).

use super::{
    reader::{Field, Section},
    report::Report,
};
use bellhop_core::{registrar::Aor, share::ResourceList};
use std::{collections::BTreeMap, sync::Arc};

/// The lists, by what they are subscribed to as.
pub(super) type Lists = BTreeMap<Aor, Arc<ResourceList>>;

/// Reads them; `shares`: there is an event that is shared, without which none can be served.
pub(super) fn read(
    sections: Vec<Section<'_>>,
    report: &Report,
    domains: &[String],
    shares: bool,
) -> Lists {
    let mut lists = Lists::new();
    let mut members = Vec::new();
    for (at, section) in sections.into_iter().enumerate() {
        if at == MOST_LISTS {
            report.error(section.at(), format!("allowed: {MOST_LISTS} lists"));
            break;
        }
        if !shares {
            report.error(
                section.at(),
                "is served from what is shared, and nothing is; name its event in share, as in share = [\"dialog\"]",
            );
        }
        let uri = section.text("uri");
        if uri.is_none() && !section.has("uri") {
            report.error(
                &section.at_key("uri"),
                "is missing: what phones subscribe to, as in \"sip:desk@example.org\"",
            );
        }
        let name = section.text("name").map(|name| name.value.to_owned());
        let listed = read_members(&section, report, domains);
        section.finish();
        let Some(uri) = uri.and_then(|uri| resource(&uri, report, domains).zip(Some(uri))) else {
            continue;
        };
        let (resource, uri) = uri;
        if lists.contains_key(&resource) {
            report.error(&uri.at, "is a list already");
        }
        members.extend(
            listed
                .iter()
                .map(|(at, _, resource)| (at.clone(), resource.clone())),
        );
        let listed = listed.into_iter().map(|(_, uri, resource)| (uri, resource));
        let list = ResourceList {
            name,
            members: listed.collect(),
        };
        lists.insert(resource, Arc::new(list));
    }
    for (at, resource) in members {
        if lists.contains_key(&resource) {
            report.error(&at, "is a list itself; allowed: single resources");
        }
    }
    lists
}

/// Places, URIs as they stand, and what they stand for.
type Listed = Vec<(super::report::At, String, Aor)>;

fn read_members(section: &Section<'_>, report: &Report, domains: &[String]) -> Listed {
    let Some(texts) = section.texts("members") else {
        if !section.has("members") {
            report.error(
                &section.at_key("members"),
                "is missing: what is in the list, as in [\"sip:6001@example.org\"]",
            );
        }
        return Listed::new();
    };
    if !(1..=MOST_MEMBERS).contains(&texts.value.len()) {
        report.error(&texts.at, format!("allowed: 1 to {MOST_MEMBERS} URIs"));
    }
    let mut members = Listed::new();
    for text in texts.value {
        let Some(resource) = resource(&text, report, domains) else {
            continue;
        };
        if members.iter().any(|(_, _, known)| *known == resource) {
            report.error(&text.at, "is given twice");
        }
        members.push((text.at, text.value.to_owned(), resource));
    }
    members
}

/// The resource that a URI stands for, if it is of ours.
fn resource(uri: &Field<&str>, report: &Report, domains: &[String]) -> Option<Aor> {
    let is_plain = uri.value.bytes().all(|byte| byte.is_ascii_graphic());
    let resource = Aor::parse_text(uri.value).filter(|aor| is_plain && aor.user().is_some());
    let Some(resource) = resource else {
        report.error(
            &uri.at,
            "is no SIP URI with a user, as \"sip:6001@example.org\"",
        );
        return None;
    };
    let is_ours = domains
        .iter()
        .any(|domain| domain.eq_ignore_ascii_case(resource.domain()));
    if !is_ours {
        let all = super::reader::quoted(domains.iter().map(String::as_str));
        report.error(&uri.at, format!("is of no domain of ours; allowed: {all}"));
        return None;
    }
    Some(resource)
}

/// So that one NOTIFY has room for the names of all.
const MOST_MEMBERS: usize = 64;
const MOST_LISTS: usize = 1_000;
