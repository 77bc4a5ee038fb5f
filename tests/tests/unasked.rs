//! A mailbox of which a real Asterisk tells its registered contacts unasked, and a phone that subscribes to it: it hears
//! from Bellhop what Asterisk has said, and again after Bellhop was killed.

use bellhop_tests::Transport::Udp;
use bellhop_tests::asterisk::Mode;
use bellhop_tests::temp::TempDir;
use bellhop_tests::{Phone, Site};

#[test]
fn who_subscribes_hears_what_asterisk_tells_registered_phones_unasked() {
    let data = TempDir::new();
    let bellhop = |mut setup: bellhop_tests::bellhop::Setup| {
        setup.registrar += "mode = \"contact\"\n";
        setup.more += "[subscriptions]\nshare = [\"message-summary\"]\n";
        setup.data_dir(data.path())
    };
    let Some(mut site) = Site::of(Udp, bellhop, |mut setup| {
        setup.mode = Mode::Registered;
        setup
    }) else {
        return;
    };
    let mut desk = site.phone(2, Udp);
    desk.register();
    let told = desk.expect("NOTIFY ");
    desk.answer(&told, "200 OK");
    // Another device of the same user, of which Asterisk knows nothing.
    let (at, to) = (site.lane.phone(12), site.lane.bellhop());
    let mut watcher = Phone::new("6002", at, to, Udp);
    let ok = watcher.subscribe("6002", "message-summary", 600);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    let first = watcher.hear(&["Messages-Waiting: no"]);
    assert!(first.header("Subscription-State").starts_with("active"));
    site.asterisk
        .cli("channel originate Local/6002@vm-deposit application Milliwatt");
    watcher.hear(&["Messages-Waiting: yes"]);
    let asked = watcher.requests();
    site.bellhop.kill();
    site.bellhop.start();
    let again = watcher.hear(&["Messages-Waiting: yes"]);
    assert!(again.header("Subscription-State").starts_with("active"));
    assert_eq!(watcher.requests(), asked, "the phone has asked");
}
