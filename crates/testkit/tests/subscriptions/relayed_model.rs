//! Relayed lamps through whatever may happen: phones that go away, come back elsewhere and change their minds, a PBX that is
//! killed and forgets, or is not there for a while, and Bellhop killed in the midst of it. Phones and PBX keep their own books,
//! strictly (RFC 3261 12.2.2, RFC 6665 4.1, 4.2); Bellhop is believed nothing. When it is quiet again each phone shows each lamp
//! that it wants as it is, without waiting for a refresh, and Bellhop knows what the PBX has and nothing else.

use crate::held::quick;
use crate::relayed_books::{Books, LAMPS, PHONES};
use crate::site::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

#[derive(Clone, Debug)]
enum Op {
    Pass(u64),
    Change(usize),
    Away(usize),
    Back(usize),
    Move(usize),
    Toggle(usize, usize),
    Refresh(usize, usize),
    KillBellhop,
    KillPbx,
    /// The PBX is not reached for so long.
    Cut(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let (phone, lamp) = (0..PHONES, 0..LAMPS);
    prop_oneof![
        4 => (0_u64..50).prop_map(Op::Pass),
        4 => lamp.clone().prop_map(Op::Change),
        2 => phone.clone().prop_map(Op::Away),
        2 => phone.clone().prop_map(Op::Back),
        2 => phone.clone().prop_map(Op::Move),
        2 => (phone.clone(), lamp.clone()).prop_map(|(p, l)| Op::Toggle(p, l)),
        2 => (phone, lamp).prop_map(|(p, l)| Op::Refresh(p, l)),
        2 => Just(Op::KillBellhop),
        1 => Just(Op::KillPbx),
        1 => (1_u64..60).prop_map(Op::Cut),
    ]
}

fn play(ops: &[Op], is_hidden: bool) -> Result<(), String> {
    let mut books = Books::open(is_hidden);
    books.world.set_disk(0, quick);
    books.begin();
    books.run(Duration::from_secs(5));
    books
        .is_right()
        .map_err(|why| format!("at the beginning: {why}"))?;
    for op in ops {
        match *op {
            Op::Pass(seconds) => books.run(Duration::from_secs(seconds)),
            Op::Change(lamp) => books.change(lamp),
            Op::Away(phone) => books.leaves(phone),
            Op::Back(phone) => books.comes(phone),
            Op::Move(phone) => {
                books.leaves(phone);
                books.run(Duration::from_millis(300));
                books.comes(phone);
            }
            Op::Toggle(phone, lamp) => books.toggle(phone, lamp),
            Op::Refresh(phone, lamp) => books.refresh(phone, lamp),
            Op::KillBellhop => books.kill_bellhop(),
            Op::KillPbx => books.kill_pbx(),
            Op::Cut(seconds) => {
                books.is_cut = true;
                books.run(Duration::from_secs(seconds));
                books.is_cut = false;
            }
        }
        books.run(Duration::from_millis(20));
    }
    for phone in 0..PHONES {
        books.comes(phone);
    }
    books.run(Duration::from_secs(240));
    books.is_right()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        // The same schedules each time; more of them go on where these end.
        rng_seed: RngSeed::Fixed(6_665),
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::default()
    })]

    #[test]
    fn when_it_is_quiet_again_each_lamp_is_right(ops in prop::collection::vec(op(), 0..25)) {
        play(&ops, false).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn when_it_is_quiet_again_each_lamp_is_right_by_two_dialogs(ops in prop::collection::vec(op(), 0..25)) {
        play(&ops, true).map_err(TestCaseError::fail)?;
    }
}

/// `BELLHOP_SCHEDULES` asks for more.
fn cases() -> u32 {
    let asked = std::env::var("BELLHOP_SCHEDULES").ok();
    asked.and_then(|most| most.parse().ok()).unwrap_or(24)
}
