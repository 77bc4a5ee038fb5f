//! Headers that nobody outside may send, in every spelling a lax reader might
//! take for them, are not read by a real Asterisk or Kamailio behind Bellhop
//! (CVE-2016-9938, CVE-2020-28361).

use bellhop_tests::Transport::Udp;
use bellhop_tests::{Kamailio, Lab, Lane, Phone, Site, bellhop, until};
use std::time::Duration;

/// Every octet before the colon, before the name and inside it; every case,
/// folded, doubled, compact.
fn forgeries() -> Vec<Vec<u8>> {
    let value = format!(": {FORGED}\r\n");
    let compact = [format!("y{value}"), format!("Y :\r\n {FORGED}\r\n")];
    let mut all: Vec<_> = compact.map(String::into_bytes).into();
    for name in STRIPPED {
        let (upper, lower) = (name.to_uppercase(), name.to_lowercase());
        for octet in (0..=255_u8).filter(|octet| !makes_another_name(*octet)) {
            all.push([name.as_bytes(), &[octet], value.as_bytes()].concat());
        }
        for octet in [0, 1, 9, 11, 12, 13, 32, 127, 160, 255] {
            let (front, back) = name.as_bytes().split_at(2);
            all.push([&[octet], name.as_bytes(), value.as_bytes()].concat());
            all.push([front, &[octet], back, value.as_bytes()].concat());
        }
        let spelled = [
            format!("{upper}:{FORGED}\r\n"),
            format!("{lower} \t :\r\n {FORGED}\r\n"),
            format!("{name}: \r\n\t\r\n {FORGED}\r\n"),
            format!("{name}: {FORGED},\r\n {FORGED}\r\n{upper} : {FORGED}\r\n{lower}:{FORGED}\r\n"),
        ];
        all.extend(spelled.map(String::into_bytes));
    }
    all
}

/// A token goes on with it (RFC 3261 25.1), so it is another header's, which is let through.
fn makes_another_name(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet)
}

/// Calls 610 with each of the forgeries; how many calls the PBX took (403;
/// 400 is Bellhop's refusal).
fn call_with_each(phone: &mut Phone) -> usize {
    let mut is_taken = |forgery: &Vec<u8>| {
        phone.say_besides(forgery);
        let status = phone.invite("610", PATIENCE).status();
        let shown = String::from_utf8_lossy(forgery);
        assert!(matches!(status, Some(400 | 403)), "{shown:?}: {status:?}");
        status == Some(403)
    };
    forgeries().iter().filter(|f| is_taken(f)).count()
}

/// A header that may pass is read, so the log would show the others.
fn reads_what_may_pass(phone: &mut Phone, log: impl Fn() -> String) {
    phone.say_besides(b"X-Kept: <sip:boss@kept.test>\r\n");
    let answer = phone.invite("610", PATIENCE);
    assert_eq!(answer.status(), Some(403));
    until("the PBX tells what it reads", PATIENCE, || {
        log().contains("kept.test").then_some(())
    });
}

fn none_was_read(taken: usize, log: &str) {
    let told = log.lines().filter(|line| line.contains("reads 610"));
    // A space, a tab, and the spellings that SIP allows: stripped, and the call goes through.
    assert!(taken > 30 && told.count() >= taken, "{taken} calls");
    let read = log.lines().find(|line| line.contains("forged.test"));
    assert_eq!(read, None);
}

#[test]
fn asterisk_reads_no_stripped_header_in_any_spelling() {
    let Some(site) = Site::with(Udp, |setup| setup.strip(&CONFIGURED)) else {
        return;
    };
    let mut phone = site.phone(1, Udp);
    let taken = call_with_each(&mut phone);
    reads_what_may_pass(&mut phone, || site.asterisk.log());
    none_was_read(taken, &site.asterisk.log());
}

#[test]
fn kamailio_reads_no_stripped_header_in_any_spelling() {
    let Some(lab) = Lab::or_skip() else { return };
    let lane = Lane::take();
    let Some(kamailio) = Kamailio::or_skip(&lab, &lane) else {
        return;
    };
    let _bellhop = bellhop::Setup::new(&lane).strip(&CONFIGURED).start();
    let mut phone = Phone::new("6001", lane.phone(1), lane.bellhop(), Udp);
    let taken = call_with_each(&mut phone);
    reads_what_may_pass(&mut phone, || kamailio.log());
    none_was_read(taken, &kamailio.log());
}

const STRIPPED: [&str; 6] = [
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Remote-Party-ID",
    "Diversion",
    "X-Account",
    "Identity",
];

/// Those of them that are not identity headers.
const CONFIGURED: [&str; 2] = ["X-Account", "Identity"];

const FORGED: &str = "<sip:boss@forged.test>";

const PATIENCE: Duration = Duration::from_secs(10);
