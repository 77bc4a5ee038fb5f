//! Everything that calls of two legs do, in one run, and every packet to the outside looked through: nothing of the
//! inside is in any. The same run with calls relayed shows it all, so the look can find it.

use bellhop_tests::Transport::{Tcp, Udp};
use bellhop_tests::two_legs::two_legs;
use bellhop_tests::{Bellhop, Lane, Message, Phone, Site, TwoLegs, Wire, bellhop};
use std::panic::resume_unwind;
use std::time::Duration;

#[test]
fn a_full_run_of_calls_of_two_legs_shows_the_outside_nothing_of_the_inside() {
    let Some(legs) = TwoLegs::or_skip() else {
        return;
    };
    if full_run(&legs.site).is_none() {
        return;
    }
    let look = legs.is_over();
    println!("{look}");
    assert!(look.messages > 60 && look.words > 60, "{look}");
}

/// Otherwise the run would tell of nothing.
#[test]
fn the_same_run_with_calls_relayed_shows_all_of_it() {
    let Some(legs) = TwoLegs::relayed() else {
        return;
    };
    if full_run(&legs.site).is_none() {
        return;
    }
    legs.no_channel_is_left();
    let look = legs.wire.look();
    println!(
        "{} occurrences of {:?} in {} messages",
        look.leaks.len(),
        look.kinds(),
        look.messages
    );
    for what in ["address", "banner", "branch", "Call-ID", "name", "tag"] {
        assert!(look.kinds().contains(what), "{what}: {look}");
    }
}

/// Calls, hold, re-INVITE, early media, CANCEL from both sides, refusals, a diversion, transfers of both kinds.
/// `None`: it was skipped.
fn full_run(site: &Site) -> Option<()> {
    let mut third = site.pjsua_taking(3, Tcp, 900, &["wait", "gone"])?;
    third.wait_for("register: 200");
    let mut second = site.baresip(2, Udp);
    let steps = ["call:600", "talk:1", "hold", "resume", "hangup"];
    let attended = [
        "call:86002",
        "call:86003",
        "talk:1",
        "attend",
        "leave",
        "gone",
    ];
    let all: Vec<_> = steps.into_iter().chain(attended).collect();
    site.pjsua_taking(1, Udp, 600, &all)?.succeed();
    second.in_call();
    second.hang_up();
    third.succeed();

    let mut caller = site.baresip(4, Tcp);
    caller.dial("607");
    caller.wait_for("183 Session Progress");
    caller.give_up();
    caller.wait_for("487 Request Terminated");
    // Asterisk REFERs him to the echo, at its own address; where that is not hidden he cannot come there.
    caller.dial("609");
    caller.wait_for("REFER sip:6004-");
    caller.wait_for("SIP/2.0 202 Accepted");
    site.asterisk.cli("channel request hangup all");

    let mut phone = site.phone(5, Udp);
    phone.register();
    for extension in ["603", "605", "699", "604"] {
        phone.invite(extension, PATIENCE);
        phone.begin_anew();
    }
    let answer = |phone: &mut Phone| {
        let invite = phone.expect("INVITE ");
        phone.answer(&invite, "180 Ringing");
        invite
    };
    site.asterisk
        .cli("channel originate Local/87005@internal application Milliwatt");
    let invite = answer(&mut phone);
    assert!(
        invite.header("Diversion").contains("7777"),
        "{}",
        invite.text()
    );
    phone.answer(&invite, "200 OK");
    phone.expect("ACK ");
    site.asterisk.cli("channel request hangup all");
    let bye = phone.expect("BYE ");
    phone.answer(&bye, "200 OK");
    // The PBX gives up.
    site.asterisk
        .cli("channel originate PJSIP/6005 application Milliwatt");
    let invite = answer(&mut phone);
    site.asterisk.cli("channel request hangup all");
    let cancel = phone.expect("CANCEL ");
    phone.answer(&cancel, "200 OK");
    phone.answer(&invite, "487 Request Terminated");
    phone.expect("ACK ");
    Some(())
}

#[test]
fn a_pbx_that_tells_of_itself_wherever_it_can_is_not_heard_outside() {
    let hides = |setup| {
        let mut setup = two_legs(setup);
        setup.route += "hide_hosts = [\"secretive.test\"]\n";
        setup
    };
    let Some(mut scene) = Scene::or_skip(hides) else {
        return;
    };
    scene.tell_all();
    println!("{}", scene.wire.shows_nothing());
}

#[test]
fn the_same_pbx_is_heard_where_calls_are_relayed() {
    let Some(mut scene) = Scene::or_skip(|setup| setup) else {
        return;
    };
    scene.tell_all();
    let look = scene.wire.look();
    for told in [
        "Warning",
        "Error-Info",
        "Reason",
        "History-Info",
        "Diversion",
        "a body",
        "o=",
        "fragment",
    ] {
        let is_told = look.leaks.iter().any(|leak| leak.line.contains(told));
        assert!(is_told, "{told}: {look}");
    }
}

/// A scripted PBX that hides nothing, a phone that is registered, and what crosses.
struct Scene {
    lane: Lane,
    pbx: Phone,
    phone: Phone,
    wire: Wire,
    _bellhop: Bellhop,
}

impl Scene {
    fn or_skip(setup: impl FnOnce(bellhop::Setup) -> bellhop::Setup) -> Option<Self> {
        let lane = Lane::take();
        let wire = Wire::or_skip(&lane)?.naming(&["Secretive"]);
        let bellhop = setup(bellhop::Setup::new(&lane)).start();
        let mut phone = Phone::new("6001", lane.phone(1), lane.bellhop(), Udp);
        phone.register();
        Some(Self {
            pbx: Phone::new("pbx", lane.pbx(), lane.bellhop(), Udp),
            lane,
            phone,
            wire,
            _bellhop: bellhop,
        })
    }

    /// Refusals with everything in them; a call in which the PBX tells more, and one of its own that is refused.
    fn tell_all(&mut self) {
        for status in ["486 Busy at Secretive", "404 Secretive", "500 No", "603 No"] {
            let body = "a body that is told by Secretive\r\n";
            let refusal = self.called(|pbx, came, more| {
                pbx.send(&told(came, "180 Secretive rings", more, ("", "")));
                pbx.send(&told(came, status, more, ("text/plain", body)));
                pbx.expect("ACK ");
            });
            assert!(refusal.status() >= Some(400), "{}", refusal.text());
        }
        let session = self.session();
        let mut call = Message::new(String::new());
        let ok = self.called(|pbx, came, more| {
            let session = ("application/sdp", &*session);
            pbx.send(&told(came, "183 Secretive", more, session));
            pbx.send(&told(came, "200 Secretive", more, session));
            call = came.clone();
        });
        self.phone.acknowledge(&ok);
        self.pbx.expect("ACK ");
        let fragment = format!(
            "SIP/2.0 200 OK\r\nServer: a fragment of Secretive, {}\r\n",
            self.lane.pbx()
        );
        let requests = [
            ("INFO", ("", "")),
            ("NOTIFY", ("message/sipfrag", &*fragment)),
            ("INVITE", ("application/sdp", &*session)),
            ("BYE", ("", "")),
        ];
        for (number, (method, body)) in (20..).zip(requests) {
            let request = self.of_pbx(&call, method, number, body);
            self.pbx.send(&request);
            let came = self.phone.expect(&format!("{method} "));
            self.phone.answer(&came, "200 OK");
            let answer = self.pbx.expect("SIP/2.0 200");
            if method == "INVITE" {
                let ack = self.of_pbx(&call, "ACK", number, ("", ""));
                self.pbx.send(&ack);
                self.phone.expect("ACK ");
            }
            assert_eq!(answer.status(), Some(200));
        }
        let pbx = self.lane.pbx();
        let invite = format!(
            "INVITE sip:6001@{} SIP/2.0\r\nVia: SIP/2.0/UDP {pbx};branch=z9hG4bKsecretive;rport\r\nMax-Forwards: 70\r\n\
             From: \"77\" <sip:77@node7.secretive.test:5070>;tag=own\r\nTo: <sip:6001@secretive.test>\r\n\
             Call-ID: own@secretive.test\r\nCSeq: 1 INVITE\r\n",
            self.lane.bellhop()
        );
        let session = ("application/sdp", &*session);
        self.pbx.send(&(invite + &self.more() + &content(session)));
        let came = self.phone.expect("INVITE ");
        self.phone.answer(&came, "486 Busy Here");
        self.pbx.expect("SIP/2.0 486");
        self.phone.expect("ACK ");
    }

    /// The phone calls, `serve` answers as the PBX; what the phone gets in the end.
    fn called(&mut self, serve: impl FnOnce(&mut Phone, &Message, &str)) -> Message {
        let more = self.more();
        let (pbx, phone) = (&mut self.pbx, &mut self.phone);
        phone.begin_anew();
        std::thread::scope(|scope| {
            let caller = scope.spawn(|| phone.invite("7000", PATIENCE));
            let came = pbx.expect("INVITE ");
            serve(pbx, &came, &more);
            caller.join().unwrap_or_else(|why| resume_unwind(why))
        })
    }

    /// A request of the PBX in the call that this INVITE began.
    fn of_pbx(&self, call: &Message, method: &str, number: u32, body: (&str, &str)) -> String {
        let routes: String = call
            .headers("Record-Route")
            .map(|route| format!("Route: {route}\r\n"))
            .collect();
        let head = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKsecret{method}{number};rport\r\n\
             Max-Forwards: 70\r\n{routes}From: {};tag=secretive\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\n",
            call.uri("Contact"),
            self.lane.pbx(),
            call.header("To"),
            call.header("From"),
            call.header("Call-ID"),
        );
        head + "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n"
            + &self.more()
            + &content(body)
    }

    /// Every header that may tell of a PBX.
    fn more(&self) -> String {
        let pbx = self.lane.pbx();
        format!(
            "Contact: <sip:secretive@{pbx}>\r\nServer: Secretive 1.0\r\nUser-Agent: Secretive 1.0\r\n\
             Warning: 399 {pbx} \"Secretive\"\r\nError-Info: <sip:error@{pbx}>\r\nOrganization: Secretive\r\n\
             Reason: Q.850;cause=17;text=\"Secretive at {pbx}\"\r\nP-Asserted-Identity: \"9\" <sip:9@{pbx}>\r\n\
             Remote-Party-ID: <sip:9@{pbx}>;party=called\r\nDiversion: <sip:8@{pbx}>;reason=unconditional\r\n\
             History-Info: <sip:7@{pbx}?Reason=SIP%3Bcause%3D302>;index=1\r\nCall-Info: <http://{pbx}/x>\r\n\
             Alert-Info: <http://{pbx}/ring>\r\nReply-To: <sip:9@{pbx}>\r\n\
             Referred-By: <sip:6@node7.secretive.test>\r\nX-Node: {pbx}\r\nX-Host: node7.secretive.test\r\n"
        )
    }

    fn session(&self) -> String {
        let (pbx, outside) = (self.lane.pbx().ip(), self.lane.bellhop().ip());
        format!(
            "v=0\r\no=Secretive 7 7 IN IP4 {pbx}\r\ns=Secretive\r\nc=IN IP4 {outside}\r\nt=0 0\r\n\
             m=audio 40002 RTP/AVP 0\r\na=tool:Secretive\r\n"
        )
    }
}

/// An answer of the PBX.
fn told(request: &Message, status: &str, more: &str, body: (&str, &str)) -> String {
    format!(
        "SIP/2.0 {status}\r\n{}To: {};tag=secretive\r\n{more}{}",
        request.lines_of(&["Via", "Record-Route", "From", "Call-ID", "CSeq"]),
        request.header("To"),
        content(body)
    )
}

fn content((kind, body): (&str, &str)) -> String {
    let line = match kind {
        "" => String::new(),
        kind => format!("Content-Type: {kind}\r\n"),
    };
    format!("{line}Content-Length: {}\r\n\r\n{body}", body.len())
}

const PATIENCE: Duration = Duration::from_secs(10);
