//! Watchers and subscriptions of ours in a file: put back, gone when they are, and kept when one is damaged.

use super::*;
use bellhop_core::{
    share::{Dialog, Key as Watched, SavedSource, SavedWatcher},
    subscription::Board,
};
use std::fs;

fn dialog(number: usize) -> Dialog {
    let bytes = |text: String| text.into_bytes().into();
    Dialog {
        call_id: bytes(format!("call-{number:05}@phone")),
        local: bytes("<sip:6002@example.org>".to_owned()),
        local_tag: bytes(format!("{number:016x}")),
        remote: bytes("<sip:6001@example.org>;tag=t".to_owned()),
        remote_tag: bytes("t".to_owned()),
        target: bytes("sip:6001@192.0.2.1".to_owned()),
        routes: Vec::new(),
        cseq: 4_096,
        remote_cseq: None,
    }
}

fn watched() -> Watched {
    Watched {
        resource: aor(6002),
        package: "dialog".into(),
        accept: "application/dialog-info+xml".into(),
    }
}

/// Three hundred watchers, the last of which came in on listener 1, and one subscription of ours.
fn full() -> Arc<Board> {
    let board = Arc::new(Board::default());
    for number in 1..=300 {
        let (listener, transport) = match number {
            300 => (1, Transport::Tcp),
            _ => (0, Transport::Udp),
        };
        let watcher = SavedWatcher {
            keys: vec![watched()],
            dialog: dialog(number),
            flow: Flow {
                listener: ListenerId(listener),
                transport,
                remote: ([192, 0, 2, 1], 5060).into(),
                connection: None,
            },
            device: None,
            by: Some(aor(6001)),
            event: b"dialog".as_slice().into(),
            record: b"<sip:token@192.0.2.9;lr>".as_slice().into(),
            resource: b"sip:6002@example.org".as_slice().into(),
            until: UNIX + Duration::from_secs(600),
        };
        board.saves.put_watcher(watcher).unwrap();
    }
    let source = SavedSource {
        key: watched(),
        by: aor(6001),
        dialog: dialog(999),
        place: None,
    };
    board.saves.put_source(source).unwrap();
    board
}

fn kept(board: &Arc<Board>, listeners: [(&str, Transport); 2]) -> Kept {
    let location = Arc::new(Location::new(1_000, [1, 2, 3, 4]));
    let names = listeners.map(|(name, by)| (name.to_owned(), by));
    Kept::new(location, Names::new(names), now).with(Arc::clone(board), Arc::default())
}

const LISTENERS: [(&str, Transport); 2] = [("udp", Transport::Udp), ("tcp", Transport::Tcp)];

/// A file that has all that a board keeps.
fn written(folder: &Folder, board: &Arc<Board>) {
    let kept = kept(board, LISTENERS);
    let file = File::open(&folder.file()).unwrap();
    let all = kept.keys().into_iter().map(|key| {
        let mut value = Vec::new();
        assert!(kept.record(&key, &mut value));
        (key, value)
    });
    let all: Vec<(Key, Vec<u8>)> = all.collect();
    let all = all.iter().map(|(key, value)| (key, Some(value.as_slice())));
    file.write(all).unwrap();
    file.close().unwrap();
}

#[test]
fn watchers_and_our_subscriptions_are_put_back_as_they_were() {
    let (folder, board) = (Folder::new("watchers"), full());
    written(&folder, &board);
    let again = Arc::new(Board::default());
    let begun = begin(&folder.file(), &kept(&again, LISTENERS), UNIX).unwrap();
    assert_eq!((begun.loaded.watchers, begun.loaded.sources), (300, 1));
    for watcher in board.saves.watchers() {
        let tag = watcher.tag().unwrap();
        assert_eq!(again.saves.watcher(tag), Some(watcher));
    }
    assert_eq!(again.saves.sources(), board.saves.sources());
}

/// A listener has its name; one that is gone is the core's to replace.
#[test]
fn a_watcher_is_of_the_listener_of_its_name_wherever_that_stands_now() {
    let (folder, board) = (Folder::new("watchers-listener"), full());
    written(&folder, &board);
    let again = Arc::new(Board::default());
    let turned = [("tcp", Transport::Tcp), ("another", Transport::Udp)];
    let _begun = begin(&folder.file(), &kept(&again, turned), UNIX).unwrap();
    let listener = |number: usize| {
        let tag = bellhop_core::share::Tag::of(&dialog(number).local_tag).unwrap();
        again.saves.watcher(tag).unwrap().flow.listener
    };
    assert_eq!(listener(300), ListenerId(0));
    assert_eq!(listener(1), ListenerId(u16::MAX));
}

#[test]
fn a_file_with_a_damaged_watcher_is_set_aside_and_the_others_are_kept() {
    let (folder, board) = (Folder::new("watcher-damaged"), full());
    written(&folder, &board);
    let mut bytes = fs::read(folder.file()).unwrap();
    let mut windows = bytes.windows(10);
    let at = windows.position(|window| window == b"call-00077").unwrap();
    bytes[at] ^= 1;
    fs::write(folder.file(), &bytes).unwrap();
    for damaged in [true, false] {
        let again = Arc::new(Board::default());
        let begun = begin(&folder.file(), &kept(&again, LISTENERS), UNIX).unwrap();
        assert_eq!(again.saves.watchers().len(), 299);
        assert_eq!(again.saves.sources().len(), 1);
        assert_eq!(begun.loaded.damaged > 0, damaged);
        drop(begun);
        let aside = format!("state.redb.damaged-{}", UNIX.as_secs());
        assert_eq!(folder.names(), ["state.redb", &aside]);
        assert_eq!(fs::read(folder.0.join(aside)).unwrap(), bytes);
    }
}
