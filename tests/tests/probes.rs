//! Who asks whom whether he is there: Bellhop probes a real Asterisk, and Asterisk qualifies its contacts.

#![allow(clippy::indexing_slicing, reason = "a test's helper may fail loudly")]

use bellhop_tests::Transport::Udp;
use bellhop_tests::admin::Admin;
use bellhop_tests::asterisk::Mode;
use bellhop_tests::process::{command, run};
use bellhop_tests::{Crowd, Site, bellhop, until};
use std::time::Duration;

#[test]
fn asterisks_stop_and_start_are_seen_by_the_probes_and_told_by_ctl() {
    let with = |mut setup: bellhop::Setup| {
        setup.probe = Some("1s");
        let host = setup.listen[0].0.replace("udp:", "").replace(":5060", "");
        setup.more += &format!("[admin]\nbind = \"{host}:8060\"\n");
        setup
    };
    let Some(mut site) = Site::with(Udp, with) else {
        return;
    };
    let admin = Admin::of(&site.lane);
    let shows = |state: &str| {
        until(&format!("the upstream is {state}"), PATIENCE, || {
            let mut ctl = command(bellhop::binary());
            ctl.args(["ctl", "upstreams", "--admin", &admin.url()]);
            let (_, said) = run("ctl", ctl, PATIENCE);
            said.contains(&format!("\t{state}")).then_some(())
        });
    };
    shows("up");
    site.asterisk.stop();
    shows("down for");
    site.asterisk.start();
    shows("up for");
}

#[test]
fn an_aor_that_asterisk_qualifies_is_there_while_a_phone_is_bound() {
    let Some(site) = qualifying(Mode::Trusted, "") else {
        return;
    };
    shown(&site, "Unavail");
    let mut phone = site.phone(2, Udp);
    phone.register();
    shown(&site, "Avail");
    phone.unregister();
    shown(&site, "Unavail");
}

#[test]
fn a_contact_of_ours_that_asterisk_qualifies_is_there_in_each_mode_with_leases() {
    for mode in ["contact", "aor", "mirror"] {
        let registrar = format!("mode = \"{mode}\"\n");
        let Some(site) = qualifying(Mode::Registered, &registrar) else {
            return;
        };
        let mut phone = site.phone(2, Udp);
        phone.register();
        // It answers what it is asked.
        let _crowd = Crowd::start(vec![phone]);
        shown(&site, "Avail");
    }
}

fn qualifying(mode: Mode, registrar: &str) -> Option<Site> {
    let with = |mut setup: bellhop::Setup| {
        setup.registrar += registrar;
        setup
    };
    Site::of(Udp, with, |mut setup| {
        setup.mode = mode;
        setup.more.push(("AST_QUALIFY", "1".to_owned()));
        setup
    })
}

/// Waits until this is what Asterisk thinks of 6002's contact.
fn shown(site: &Site, state: &str) {
    until(&format!("6002 is {state}"), PATIENCE, || {
        let shown = site.asterisk.cli("pjsip show contacts");
        let mut lines = shown.lines();
        let own = lines.find(|line| line.contains(" 6002/sip:"))?;
        own.split_whitespace()
            .any(|word| word == state)
            .then_some(())
    });
}

const PATIENCE: Duration = Duration::from_secs(30);
