//! Calls in a file of their own: written a moment later, put back, and kept when one is damaged.

use super::{disk::Disk, *};
use bellhop_core::b2bua::{CallKey, SavedBond, SavedCall, SavedEnd, SavedLeg};
use std::{
    collections::HashMap,
    fs,
    sync::{Mutex, mpsc},
    time::Instant as Clock,
};

/// Calls, and subscriptions of two dialogs, that live as long as a test says.
#[derive(Default)]
pub(super) struct Calls(
    Mutex<HashMap<CallKey, SavedCall>>,
    pub(super) Mutex<HashMap<CallKey, SavedBond>>,
);

impl Calls {
    pub(super) fn begin(&self, number: usize) -> CallKey {
        let call = call(number);
        let key = call.key();
        self.0.lock().unwrap().insert(key, call);
        key
    }

    fn end(&self, key: CallKey) {
        self.0.lock().unwrap().remove(&key).unwrap();
    }

    fn all(&self) -> Vec<SavedCall> {
        self.0.lock().unwrap().values().cloned().collect()
    }
}

impl Live for Calls {
    fn save(&self, key: CallKey) -> Option<SavedCall> {
        self.0.lock().unwrap().get(&key).cloned()
    }

    fn has(&self, key: CallKey) -> bool {
        self.0.lock().unwrap().contains_key(&key)
    }

    fn keys(&self) -> Vec<CallKey> {
        self.0.lock().unwrap().keys().copied().collect()
    }

    fn save_bond(&self, key: CallKey) -> Option<SavedBond> {
        self.1.lock().unwrap().get(&key).cloned()
    }

    fn has_bond(&self, key: CallKey) -> bool {
        self.1.lock().unwrap().contains_key(&key)
    }

    fn bond_keys(&self) -> Vec<CallKey> {
        self.1.lock().unwrap().keys().copied().collect()
    }
}

fn flow() -> Flow {
    Flow {
        listener: ListenerId(0),
        transport: Transport::Udp,
        remote: ([192, 0, 2, 1], 5060).into(),
        connection: None,
    }
}

pub(super) fn leg_of(number: usize, tag: u64) -> SavedLeg {
    let bytes = |text: &str| text.as_bytes().into();
    SavedLeg {
        call_id: bytes(&format!("call-{number:05}@phone")),
        local: bytes("<sip:7000@example.org>"),
        local_tag: tag,
        remote: bytes("<sip:6001@example.org>;tag=f6001"),
        remote_tag: bytes("f6001"),
        target: bytes("sip:6001@192.0.2.1:5060"),
        routes: bytes(""),
        place: Some((flow(), None)),
        seq: 7,
        remote_seq: 8,
    }
}

fn end_of(number: usize, tag: u64) -> SavedEnd {
    SavedEnd {
        leg: leg_of(number, tag),
        flow: flow(),
        invite: (2, 1),
        waits: None,
        is_open: true,
        user: Some("6001".into()),
    }
}

fn call(number: usize) -> SavedCall {
    let tag = number as u64;
    SavedCall {
        answered: UNIX,
        at: UNIX,
        is_ending: false,
        a: end_of(number, tag | 1 << 40),
        b: end_of(number, tag),
        record: None,
        care: None,
    }
}

pub(super) fn listeners() -> Names {
    Names::new([("udp".to_owned(), Transport::Udp)])
}

fn kept(calls: &Arc<Calls>) -> Arc<KeptCalls> {
    Arc::new(KeptCalls::new(
        Arc::clone(calls) as Arc<dyn Live>,
        listeners(),
    ))
}

fn keeper(disk: &Disk, calls: &Arc<Calls>, manner: Manner) -> Keeper {
    let again = disk.clone();
    let open = move || Ok(again.open()?.counting(Table::Calls, None));
    let source: Arc<dyn Source> = kept(calls);
    let file = open();
    Keeper::start(file, open, source, Box::new(|_, _| {}), manner).unwrap()
}

fn changed(keeper: &Keeper, keys: impl IntoIterator<Item = CallKey>) {
    let item = |key| Item {
        key: Key::Calls(key),
        ticket: None,
    };
    assert!(keeper.submit(keys.into_iter().map(item)).is_empty());
}

/// The Call-IDs of what another program finds on a disk.
fn found(disk: &Disk) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let file = disk.open().unwrap();
    file.read(Table::Calls, None, usize::MAX, |_, value| {
        let at = value.windows(5).position(|w| w == b"call-").unwrap();
        all.push(value[at..at + 10].to_vec());
    })
    .unwrap();
    all.sort();
    all
}

fn soon(what: &str, is_so: impl Fn() -> bool) {
    let until = Clock::now() + Duration::from_secs(40);
    while !is_so() {
        assert!(Clock::now() < until, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn calls_are_put_back_as_they_were() {
    let (folder, calls) = (Folder::new("calls"), Arc::new(Calls::default()));
    for number in 0..300 {
        calls.begin(number);
    }
    written(&folder, &calls);
    let begun = begin_calls(&folder.file(), &listeners(), UNIX).unwrap();
    let by_key = |call: &SavedCall| call.key();
    let (mut before, mut after) = (calls.all(), begun.calls);
    before.sort_by_key(by_key);
    after.sort_by_key(by_key);
    assert_eq!(before, after);
}

pub(super) fn written(folder: &Folder, calls: &Arc<Calls>) {
    let begun = begin_calls(&folder.file(), &listeners(), UNIX).unwrap();
    assert_eq!((begun.calls, begun.bonds), (vec![], vec![]));
    let source: Arc<dyn Source> = kept(calls);
    let open = || Err(Cannot::Locked);
    let tell = Box::new(|_, _| {});
    let keeper = Keeper::start(begun.file, open, source, tell, Manner::BEHIND).unwrap();
    let item = |key| Item { key, ticket: None };
    let keys = kept(calls).keys().into_iter().map(item);
    assert!(keeper.submit(keys).is_empty());
    keeper.stop();
    let there = (calls.keys().len() as u64, calls.bond_keys().len() as u64);
    let status = keeper.status();
    assert_eq!((status.records, status.beside), there);
}

#[test]
fn changes_of_half_a_second_are_one_group_and_what_is_over_by_then_is_not_written() {
    let (disk, calls) = (Disk::default(), Arc::new(Calls::default()));
    let keeper = keeper(&disk, &calls, Manner::BEHIND);
    let began = Clock::now();
    for number in 0..100 {
        let key = calls.begin(number);
        changed(&keeper, [key]);
        if number > 0 {
            calls.end(key);
            changed(&keeper, [key]);
        }
    }
    assert_eq!(keeper.status().commits, 0);
    soon("a group", || keeper.status().commits > 0);
    assert!(began.elapsed() >= Duration::from_millis(450));
    assert_eq!(found(&disk.after_crash()), [b"call-00000"]);
    assert_eq!((keeper.status().commits, keeper.status().records), (1, 1));
    keeper.stop();
}

#[test]
fn at_the_end_what_waits_is_written_at_once() {
    let (disk, calls) = (Disk::default(), Arc::new(Calls::default()));
    let slow = Manner {
        gap: Duration::from_secs(600),
        ..Manner::BEHIND
    };
    let keeper = keeper(&disk, &calls, slow);
    changed(&keeper, [calls.begin(1)]);
    let (told, is_told) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            keeper.stop();
            told.send(()).unwrap();
        });
        is_told.recv_timeout(Duration::from_secs(20)).unwrap();
    });
    assert_eq!(found(&disk.after_crash()), [b"call-00001"]);
}

#[test]
fn what_changed_while_the_disk_failed_is_written_when_it_works_again_however_much_it_is() {
    for most_behind in [usize::MAX, 3] {
        let (disk, calls) = (Disk::default(), Arc::new(Calls::default()));
        let manner = Manner {
            gap: Duration::from_millis(1),
            most_behind,
            ..Manner::BEHIND
        };
        let keeper = keeper(&disk, &calls, manner);
        let gone = calls.begin(99);
        changed(&keeper, [gone]);
        soon("the first group", || keeper.status().commits > 0);
        disk.fail(true);
        calls.end(gone);
        changed(&keeper, [gone]);
        soon("the failure", || keeper.status().trouble.is_some());
        for number in 0..10 {
            changed(&keeper, [calls.begin(number)]);
        }
        disk.fail(false);
        soon("the repair", || keeper.status().trouble.is_none());
        soon("all calls, and no other", || {
            let found = found(&disk.after_crash());
            found.len() == 10 && !found.contains(&b"call-00099".to_vec())
        });
        keeper.stop();
    }
}

#[test]
fn a_file_with_a_damaged_call_is_set_aside_and_the_others_are_kept() {
    let (folder, calls) = (Folder::new("call-damaged"), Arc::new(Calls::default()));
    for number in 0..300 {
        calls.begin(number);
    }
    written(&folder, &calls);
    let mut bytes = fs::read(folder.file()).unwrap();
    let mut windows = bytes.windows(10);
    let at = windows.position(|window| window == b"call-00077").unwrap();
    bytes[at] ^= 1;
    fs::write(folder.file(), &bytes).unwrap();
    for _ in 0..2 {
        let begun = begin_calls(&folder.file(), &listeners(), UNIX).unwrap();
        assert_eq!(begun.calls.len(), 299);
        drop(begun);
        let aside = format!("state.redb.damaged-{}", UNIX.as_secs());
        assert_eq!(folder.names(), ["state.redb", &aside]);
        assert_eq!(fs::read(folder.0.join(aside)).unwrap(), bytes);
    }
}

#[test]
fn a_file_that_is_none_is_set_aside_and_a_new_one_begun_with_the_calls_that_live() {
    let (folder, calls) = (Folder::new("calls-none"), Arc::new(Calls::default()));
    fs::write(folder.file(), b"this was a disk once".repeat(500)).unwrap();
    let begun = begin_calls(&folder.file(), &listeners(), UNIX).unwrap();
    assert!(begun.calls.is_empty() && begun.file.is_ok());
    drop(begun);
    calls.begin(1);
    fs::write(folder.file(), b"this was a disk once".repeat(500)).unwrap();
    let file = kept(&calls).open_again(&folder.file(), UNIX).unwrap();
    drop(file);
    let begun = begin_calls(&folder.file(), &listeners(), UNIX).unwrap();
    assert_eq!(begun.calls, [call(1)]);
}
