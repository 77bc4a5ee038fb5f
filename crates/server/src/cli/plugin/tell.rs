//! Verdicts and edits in words.

use bellhop_core::policy::{Changes, Fork, NextHop, Reply, Step, Target, Verdict};

/// One line, or for a route one for each target.
pub(super) fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Continue => "continue".to_owned(),
        Verdict::Accept { expires: None } => "accept".to_owned(),
        Verdict::Accept {
            expires: Some(seconds),
        } => format!("accept for {seconds} s"),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Challenge(challenge) => match challenge.is_proxy {
            true => "challenge 407".to_owned(),
            false => "challenge 401".to_owned(),
        },
        Verdict::Reply(answer) => reply(answer),
        Verdict::Route(route) => {
            let mode = match route.mode {
                Fork::Serial => "route",
                Fork::Parallel => "route, all at once,",
            };
            let mut targets: Vec<&Target> = route.targets.iter().collect();
            targets.sort_by_key(|target| std::cmp::Reverse(target.priority));
            let targets: Vec<String> = targets.into_iter().map(target).collect();
            format!("{mode} to {}", targets.join("; "))
        }
    }
}

/// The edits behind the first `before`, one line each.
pub(super) fn edits(changes: &Changes, before: usize) -> Vec<String> {
    let text = String::from_utf8_lossy;
    let mut edits: Vec<String> = changes
        .steps()
        .skip(before)
        .map(|step| match step {
            Step::Uri(uri) => format!("Request-URI: {}", text(uri)),
            Step::Set(name, value) => format!("set {}: {}", text(name), text(value)),
            Step::Add(name, value) => format!("add {}: {}", text(name), text(value)),
            Step::Remove(name) => format!("remove {}", text(name)),
        })
        .collect();
    if let Some(body) = changes.body() {
        edits.push(format!(
            "body: {} bytes of {}",
            body.data.len(),
            body.content_type
        ));
    }
    edits
}

fn reply(reply: &Reply) -> String {
    let mut said = format!("reply {}", reply.status);
    if let Some(reason) = &reply.reason {
        said.push_str(&format!(" {reason}"));
    }
    for edit in edits(&reply.headers, 0) {
        said.push_str(&format!(", {edit}"));
    }
    said
}

fn target(target: &Target) -> String {
    let mut said = target.uri.to_string();
    match &target.next_hop {
        Some(NextHop::Group(group)) => said.push_str(&format!(" via group:{group}")),
        Some(NextHop::Uri(uri)) => said.push_str(&format!(" via {uri}")),
        None => {}
    }
    if let Some(timeout) = target.timeout {
        said.push_str(&format!(" for {} ms", timeout.as_millis()));
    }
    if !target.tag.is_empty() {
        said.push_str(&format!(" ({})", target.tag));
    }
    for edit in edits(&target.headers, 0) {
        said.push_str(&format!(", {edit}"));
    }
    said
}
