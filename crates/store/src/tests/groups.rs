//! The thread that writes: groups, failures, and what it tells whom.

use super::{disk::Disk, *};
use bellhop_core::outbox::{Ticket, Unstored};
use std::{
    sync::mpsc::{Receiver, channel},
    time::Instant as Clock,
};

type Told = Receiver<(Vec<Ticket>, Result<(), Unstored>)>;

fn keeper(disk: &Disk, kept: &Arc<Kept>) -> (Keeper, Told) {
    let (tell, told) = channel();
    let again = disk.clone();
    let source: Arc<dyn Source> = kept.clone();
    let tell = Box::new(move |tickets, stored| {
        let _ = tell.send((tickets, stored));
    });
    let keeper = Keeper::start(
        disk.open(),
        move || again.open(),
        source,
        tell,
        Manner::AT_ONCE,
    );
    (keeper.unwrap(), told)
}

fn submit(keeper: &Keeper, users: std::ops::Range<usize>) {
    let items = users.map(|user| Item {
        key: key(user),
        ticket: Some(Ticket(user as u64)),
    });
    assert!(keeper.submit(items).is_empty());
}

fn hear(told: &Told) -> (Vec<Ticket>, Result<(), Unstored>) {
    told.recv_timeout(Duration::from_secs(20))
        .expect("an answer")
}

/// What another program finds on this disk.
fn found(disk: &Disk, users: std::ops::Range<usize>) -> Vec<usize> {
    let (location, kept) = site();
    kept.load(&disk.open().unwrap()).unwrap();
    users
        .filter(|user| !contacts(&location, *user).is_empty())
        .collect()
}

#[test]
fn whoever_is_told_that_it_is_on_disk_finds_it_after_a_crash() {
    let (disk, (location, kept)) = (Disk::default(), site());
    let (keeper, told) = keeper(&disk, &kept);
    for user in 1..=20 {
        bind(&location, user, 0, "sip:a@192.0.2.1");
        submit(&keeper, user..user + 1);
        assert_eq!(hear(&told), (vec![Ticket(user as u64)], Ok(())));
        assert_eq!(found(&disk.after_crash(), 1..30).len(), user);
    }
    assert_eq!(keeper.status().commits, 20);
    assert_eq!(keeper.status().records, 20);
    keeper.stop();
}

#[test]
fn all_that_has_been_taken_down_is_one_group_and_one_key_is_written_once() {
    let (disk, (location, kept)) = (Disk::default(), site());
    bind(&location, 1, 0, "sip:a@192.0.2.1");
    let (keeper, told) = keeper(&disk, &kept);
    submit(&keeper, 1..2);
    assert_eq!(hear(&told).1, Ok(()));
    let before = (disk.syncs(), keeper.status());
    let items = (1..=500).map(|n| Item {
        key: key(1),
        ticket: Some(Ticket(n)),
    });
    assert!(keeper.submit(items).is_empty());
    let mut tickets = Vec::new();
    while tickets.len() < 500 {
        let (some, stored) = hear(&told);
        assert_eq!(stored, Ok(()));
        tickets.extend(some);
    }
    assert!(tickets.iter().map(|ticket| ticket.0).eq(1..=500));
    let after = keeper.status();
    assert_eq!(after.commits - before.1.commits, 1);
    assert_eq!(after.written - before.1.written, 1);
    assert!(disk.syncs() - before.0 <= 2);
    keeper.stop();
}

#[test]
fn a_disk_that_fails_is_told_at_once_and_what_changed_meanwhile_is_written_when_it_works_again() {
    let (disk, (location, kept)) = (Disk::default(), site());
    let (keeper, told) = keeper(&disk, &kept);
    disk.fail(true);
    for user in 1..=5 {
        bind(&location, user, 0, "sip:a@192.0.2.1");
        let began = Clock::now();
        submit(&keeper, user..user + 1);
        let (tickets, stored) = hear(&told);
        assert_eq!(tickets, [Ticket(user as u64)]);
        assert!(stored.unwrap_err().retry_after >= 5);
        assert!(began.elapsed() < Duration::from_secs(5));
    }
    let status = keeper.status();
    assert!(status.trouble.is_some() && status.failed > 0 && status.refused == 5);
    disk.fail(false);
    let until = Clock::now() + Duration::from_secs(40);
    while keeper.status().trouble.is_some() {
        assert!(Clock::now() < until, "{:?}", keeper.status());
        std::thread::yield_now();
    }
    assert_eq!(found(&disk.after_crash(), 1..10), [1, 2, 3, 4, 5]);
    submit(&keeper, 6..7);
    assert_eq!(hear(&told).1, Ok(()));
    keeper.stop();
}

#[test]
fn what_has_ended_leaves_the_file_by_itself() {
    let (disk, (location, kept)) = (Disk::default(), site());
    for user in 1..=1500 {
        bind(&location, user, 0, "sip:a@192.0.2.1");
    }
    let file = disk.open().unwrap();
    write(&file, &kept, 1..1501).unwrap();
    drop(file);
    // Another program, in which only two of them have bindings.
    let (location, kept) = site();
    bind(&location, 3, 0, "sip:a@192.0.2.1");
    bind(&location, 1400, 0, "sip:a@192.0.2.1");
    let (keeper, _told) = keeper(&disk, &kept);
    let until = Clock::now() + Duration::from_secs(40);
    while keeper.status().records != 2 {
        assert!(Clock::now() < until, "{:?}", keeper.status());
        std::thread::yield_now();
    }
    keeper.stop();
    assert_eq!(found(&disk, 1..1501), [3, 1400]);
}

#[test]
fn what_finds_no_room_is_told_to_whoever_brought_it_and_the_end_writes_the_rest() {
    let (disk, (location, kept)) = (Disk::default(), site());
    bind(&location, 1, 0, "sip:a@192.0.2.1");
    let (keeper, told) = keeper(&disk, &kept);
    let items = (0..70_000).map(|n| Item {
        key: key(1),
        ticket: Some(Ticket(n)),
    });
    let refused = keeper.submit(items);
    assert!(refused.len() >= 70_000 - 65_536, "{}", refused.len());
    let gone = [Item {
        key: key(2),
        ticket: None,
    }];
    assert!(keeper.submit(gone.into_iter()).is_empty());
    keeper.stop();
    let stored: usize = told
        .iter()
        .map(|(tickets, stored)| {
            stored.unwrap();
            tickets.len()
        })
        .sum();
    assert_eq!(stored + refused.len(), 70_000);
    assert_eq!(found(&disk, 1..3), [1]);
    // Who comes too late is refused.
    let late = Item {
        key: key(1),
        ticket: Some(Ticket(9)),
    };
    assert_eq!(keeper.submit([late].into_iter()), [Ticket(9)]);
}
