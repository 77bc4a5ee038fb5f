//! Random REGISTERs of two devices against a model that is too simple to be wrong: a list.

use super::*;
use bellhop_wire::UriRef;
use proptest::prelude::*;

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    Register {
        device: usize,
        /// How far the CSeq goes on: 0 repeats it, below goes back.
        ahead: i32,
        /// Contact and expires.
        contacts: Vec<(usize, u32)>,
        tcp: bool,
    },
    Wipe {
        device: usize,
        ahead: i32,
    },
    Pass(u64),
    Sweep,
    Close,
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    contact: usize,
    device: usize,
    cseq: u32,
    ends: u64,
    tcp: bool,
}

#[derive(Default)]
struct Model {
    rows: Vec<Row>,
    now: u64,
}

impl Model {
    /// RFC 3261 10.3 steps 6 and 7, for contacts that are all different.
    fn register(&mut self, device: usize, cseq: u32, contacts: &[(usize, u32)], tcp: bool) -> u16 {
        let mut rows = self.rows.clone();
        for (contact, expires) in contacts {
            let held = rows.iter().position(|row| row.contact == *contact);
            if let Some(place) = held {
                let row = &rows[place];
                match row.cseq.cmp(&cseq) {
                    _ if row.device != device => {}
                    std::cmp::Ordering::Less => {}
                    std::cmp::Ordering::Equal if *expires > 0 => continue,
                    _ => return 500,
                }
                rows.remove(place);
            }
            if *expires > 0 {
                rows.push(Row {
                    contact: *contact,
                    device,
                    cseq,
                    ends: self.now + u64::from(*expires),
                    tcp,
                });
            }
        }
        let known = |row: &Row| self.rows.iter().any(|old| old.contact == row.contact);
        if rows.len() > LIMIT && rows.iter().any(|row| !known(row)) {
            return 403;
        }
        self.rows = rows;
        200
    }

    fn wipe(&mut self, device: usize, cseq: u32) -> u16 {
        let late = |row: &Row| row.device == device && row.cseq >= cseq;
        if self.rows.iter().any(late) {
            return 500;
        }
        self.rows.clear();
        200
    }
}

const LIMIT: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ahead = || prop_oneof![6 => Just(1), 2 => Just(0), 1 => Just(-1), 1 => Just(5)];
    let contacts = prop::collection::btree_map(
        0..5_usize,
        prop_oneof![
            1 => Just(0_u32), 3 => 60..200_u32
        ],
        1..4,
    );
    let step = prop_oneof![
        8 => (0..2_usize, ahead(), contacts, any::<bool>()).prop_map(
            |(device, ahead, contacts, tcp)| Step::Register {
                device, ahead, contacts: contacts.into_iter().collect(), tcp,
            }
        ),
        1 => (0..2_usize, ahead()).prop_map(|(device, ahead)| Step::Wipe { device, ahead }),
        3 => (1..120_u64).prop_map(Step::Pass),
        1 => Just(Step::Sweep),
        1 => Just(Step::Close),
    ];
    prop::collection::vec(step, 1..60)
}

fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut site = Site::new();
    site.config.max_contacts = LIMIT;
    let mut model = Model::default();
    let mut cseqs = [10_u32; 2];
    let call_ids = ["first", "second"];
    let status = |applied: Result<Registered, Refusal>| match applied {
        Ok(_) => 200,
        Err(refusal) => refusal.status,
    };
    for step in steps {
        match step {
            Step::Register {
                device,
                ahead,
                contacts,
                tcp: over_tcp,
            } => {
                cseqs[*device] = cseqs[*device].saturating_add_signed(*ahead);
                let line = |(contact, expires): &(usize, u32)| {
                    format!("Contact: <sip:bob@h{contact}>;expires={expires}")
                };
                let lines: Vec<_> = contacts.iter().map(line).collect();
                let lines: Vec<_> = lines.iter().map(String::as_str).collect();
                site.flow = if *over_tcp { tcp(1) } else { udp(5060) };
                let register = Register::by(call_ids[*device], cseqs[*device], &lines);
                let expected = model.register(*device, cseqs[*device], contacts, *over_tcp);
                prop_assert_eq!(status(site.apply(&register)), expected);
            }
            Step::Wipe { device, ahead } => {
                cseqs[*device] = cseqs[*device].saturating_add_signed(*ahead);
                let lines = ["Contact: *", "Expires: 0"];
                let register = Register::by(call_ids[*device], cseqs[*device], &lines);
                let expected = model.wipe(*device, cseqs[*device]);
                prop_assert_eq!(status(site.apply(&register)), expected);
            }
            Step::Pass(seconds) => {
                site.pass(*seconds);
                model.now += seconds;
                let now = model.now;
                model.rows.retain(|row| row.ends > now);
            }
            Step::Sweep => {
                site.location.sweep(site.now);
                prop_assert_eq!(site.location.len(), model.rows.len());
            }
            Step::Close => {
                let removed = site
                    .location
                    .connection_closed(site.now, ConnectionId(1), |_| false);
                let before = model.rows.len();
                model.rows.retain(|row| !row.tcp);
                prop_assert_eq!(removed.len(), before - model.rows.len());
            }
        }
        agree(&site, &model)?;
    }
    site.pass(10_000);
    site.location.sweep(site.now);
    prop_assert_eq!(site.location.len(), 0);
    prop_assert_eq!(site.location.indexed(), (0, 0, 0));
    prop_assert_eq!(site.location.next_expiry(), None);
    Ok(())
}

/// Every way to look says what the model says.
fn agree(site: &Site, model: &Model) -> Result<(), TestCaseError> {
    let mut held: Vec<_> = site
        .held()
        .iter()
        .map(|b| (text(b.contact()), b.remaining(site.now).as_secs(), b.cseq))
        .collect();
    held.sort();
    let row = |row: &Row| {
        (
            format!("sip:bob@h{}", row.contact),
            row.ends - model.now,
            row.cseq,
        )
    };
    let mut expected: Vec<_> = model.rows.iter().map(row).collect();
    expected.sort();
    prop_assert_eq!(held, expected);
    for contact in 0..5 {
        let uri = format!("sip:bob@h{contact}");
        let uri = UriRef::parse(uri.as_bytes()).unwrap();
        let found = site.location.by_contact(site.now, &uri, None).is_some();
        prop_assert_eq!(found, model.rows.iter().any(|row| row.contact == contact));
    }
    let next = site.location.next_expiry();
    for row in &model.rows {
        let ends = site.now.after(Duration::from_secs(row.ends - model.now));
        prop_assert!(
            next.is_some_and(|next| next <= ends),
            "a sweep comes too late"
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_two_devices_do_the_bindings_are_the_models(steps in steps()) {
        run(&steps)?;
    }
}
