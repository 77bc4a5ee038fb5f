//! A relayed subscription of two dialogs that outlived Bellhop, and that the PBX has forgotten.

use crate::hidden::*;
use crate::hidden_lasting::{again, durable, number, standing, there};
use crate::site::*;

/// Both were restarted: the PBX is asked in its own dialog, and the phone hears in its own that it has been forgotten; whether
/// the phone has asked since or not.
#[test]
fn a_pbx_that_has_forgotten_it_is_found_out_after_a_restart_as_before() {
    for asks in [false, true] {
        let mut world = durable();
        let (mut watch, ok, mut last) = standing(&mut world, "watch");
        // What is known of it besides is said half a second after it changed.
        world.pass(SECOND);
        let mut config = hiding();
        config.upstreams[0].targets.pop();
        world.restart(0, config, auth());
        if asks {
            // The question that a start asks.
            let check = question(&mut world);
            say(&mut world, &pbx(), &pbx().answer(&check, 200, "OK", ""));
            again(&mut world, &mut watch, &ok, 70, 600);
            last = told(&mut world, &mut watch, "active;expires=600");
            let mut config = hiding();
            config.upstreams[0].targets.pop();
            config.upstreams[0].probe = Some(SECOND);
            world.reconfigure(0, config, auth());
            world.pass(Duration::from_secs(12));
            world.drain(addr(PBX));
        }
        let check = question(&mut world);
        has_none(&check, &PHONE);
        for name in ["Call-ID", "From"] {
            assert_eq!(header_of(&check, name), header_of(&watch.at_pbx, name));
        }
        say(&mut world, &pbx(), &pbx().answer(&check, 481, "Gone", ""));
        let end = world.expect(watch.phone.address).expect("its end");
        for name in ["Call-ID", "From", "To"] {
            assert_eq!(header_of(&end, name), header_of(&last, name));
        }
        // RFC 3261 12.2.1.1, for the NOTIFYs of both, theirs and ours.
        assert!(number(&end) > number(&last), "{end}");
        let state = header_of(&end, "Subscription-State");
        assert_eq!(state, "terminated;reason=deactivated");
        world.pass(SECOND);
        assert_eq!(there(&world), (0, 0));
    }
}

/// RFC 6665 4.4.1: each notifier's is a subscription of its own.
#[test]
fn of_two_notifiers_one_that_has_forgotten_it_takes_nothing_from_the_other() {
    let mut world = durable();
    let (mut watch, _, _) = standing(&mut world, "watch");
    watch.tag = "fork";
    let forked = told(&mut world, &mut watch, "active;expires=600");
    // It is said half a second later, and the disk takes its time.
    world.pass(2 * SECOND);
    let mut config = hiding();
    config.upstreams[0].targets.pop();
    world.restart(0, config, auth());
    for _ in 0..2 {
        let check = question(&mut world);
        let status = match header_of(&check, "To").contains("tag=fork") {
            true => 481,
            false => 200,
        };
        say(&mut world, &pbx(), &pbx().answer(&check, status, "So", ""));
    }
    let end = world.expect(watch.phone.address).expect("its end");
    assert_eq!(header_of(&end, "From"), header_of(&forked, "From"));
    say(
        &mut world,
        &watch.phone,
        &watch.phone.answer(&end, 200, "OK", ""),
    );
    world.pass(SECOND);
    assert_eq!(there(&world), (1, 1));
    watch.tag = "tpbx";
    told(&mut world, &mut watch, "active;expires=600");
}

/// The next OPTIONS in a dialog at the PBX; what else it is asked it answers.
fn question(world: &mut World) -> String {
    loop {
        let asked = world.expect(addr(PBX)).expect("an OPTIONS");
        if header_of(&asked, "To").contains("tag=") {
            return asked;
        }
        say(world, &pbx(), &pbx().answer(&asked, 200, "OK", ""));
    }
}
