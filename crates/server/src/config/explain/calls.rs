//! What will be done with calls of two legs, in words.

use super::{Settings, show_duration};
use bellhop_core::b2bua::Prack;
use std::time::Duration;

impl Settings {
    pub(super) fn explain_calls(&self, lines: &mut Vec<String>) {
        if let Some(b2bua) = &self.b2bua {
            let most = b2bua.most;
            let which = match b2bua.is_usual {
                true => "a call is",
                false => "a call of which a plugin says so is",
            };
            let longest = b2bua.longest.map_or_else(String::new, |longest| {
                format!(", each {} at most", show_duration(longest))
            });
            lines.push(format!(
                "route      {which} two dialogs, and neither side sees the other's; {most} at a time{longest}"
            ));
            if let Some(session) = b2bua.session {
                let seconds = |seconds: u32| show_duration(Duration::from_secs(seconds.into()));
                let (interval, least) = (seconds(session.interval), seconds(session.least));
                lines.push(format!(
                    "route      each leg of a call has a session timer of its own: {interval}, {least} at least"
                ));
            }
            if let Some(keepalive) = b2bua.keepalive {
                let often = show_duration(keepalive);
                lines.push(format!(
                    "route      both ends of a call are asked every {often} whether they are there"
                ));
            }
            if b2bua.prack == Prack::EachLeg {
                lines.push("route      each leg of a call has its PRACK for itself".to_owned());
            }
            let limits = [
                (b2bua.limits.per_user, "one user"),
                (b2bua.limits.per_source, "one outside address"),
            ];
            for (most, whom) in limits {
                if let Some(most) = most {
                    lines.push(format!("route      {most} calls at most of {whom}"));
                }
            }
            let hidden = [("headers", &b2bua.hide), ("hosts", &b2bua.hosts)];
            for (what, names) in hidden.iter().filter(|(_, names)| !names.is_empty()) {
                let names = names.join(", ");
                lines.push(format!(
                    "route      {what} that neither side is shown besides: {names}"
                ));
            }
        }
        if let Some(file) = &self.cdr {
            lines.push(format!("calls      each is told of in {}", file.display()));
        }
    }
}
