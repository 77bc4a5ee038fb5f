//! Subscriptions that are relayed in a file: put back, read as nothing by an older file, and kept when one is damaged.

use super::*;
use bellhop_core::{
    share::{Dialog, Tag},
    subscription::{Board, SavedRelayed, Standing},
};
use std::fs;

fn relayed(number: usize) -> SavedRelayed {
    let bytes = |text: String| text.into_bytes().into();
    SavedRelayed {
        tag: Tag::of(format!("{number:016x}").as_bytes()).unwrap(),
        dialog: Dialog {
            call_id: bytes(format!("call-{number:05}@phone")),
            local: bytes("<sip:6002@example.org>".to_owned()),
            local_tag: bytes("tpbx".to_owned()),
            remote: bytes("<sip:6001@example.org>;tag=t".to_owned()),
            remote_tag: bytes("t".to_owned()),
            target: bytes("sip:6001@192.0.2.1".to_owned()),
            routes: Vec::new(),
            cseq: 7,
            remote_cseq: Some(1),
        },
        flow: Flow {
            listener: ListenerId(1),
            transport: Transport::Tcp,
            remote: ([192, 0, 2, 1], 5060).into(),
            connection: None,
        },
        device: None,
        place: Some((Transport::Udp, ([192, 0, 2, 9], 5060).into())),
        is_chosen: false,
        event: b"dialog".as_slice().into(),
        standing: Standing::Active,
        granted: Some(600),
        began: UNIX,
        until: UNIX + Duration::from_secs(600),
        at: UNIX,
    }
}

fn full() -> Arc<Board> {
    let board = Arc::new(Board::default());
    (1..=300).for_each(|number| board.put_back(relayed(number)));
    board
}

fn kept(board: &Arc<Board>) -> Kept {
    let location = Arc::new(Location::new(1_000, [1, 2, 3, 4]));
    let names = [("udp", Transport::Udp), ("tcp", Transport::Tcp)];
    let names = names.map(|(name, by)| (name.to_owned(), by));
    Kept::new(location, Names::new(names), now).with(Arc::clone(board), Arc::default())
}

/// A file that has all that a board keeps.
fn written(folder: &Folder, board: &Arc<Board>) {
    let (kept, file) = (kept(board), File::open(&folder.file()).unwrap());
    let mut all = Vec::new();
    for key in kept.keys() {
        let mut value = Vec::new();
        assert!(kept.record(&key, &mut value) && kept.is_there(&key));
        all.push((key, value));
    }
    let all = all.iter().map(|(key, value)| (key, Some(value.as_slice())));
    file.write(all).unwrap();
    file.close().unwrap();
}

#[test]
fn they_are_put_back_as_they_were() {
    let (folder, board) = (Folder::new("relayed"), full());
    written(&folder, &board);
    let again = Arc::new(Board::default());
    let begun = begin(&folder.file(), &kept(&again), UNIX).unwrap();
    assert_eq!((begun.loaded.relayed, begun.loaded.damaged), (300, 0));
    for number in 1..=300 {
        let saved = relayed(number);
        assert_eq!(again.saved(now(), saved.tag), Some(saved));
    }
}

/// One whose end was written is not there any more.
#[test]
fn one_that_is_over_leaves_the_file() {
    let (folder, board) = (Folder::new("relayed-over"), full());
    written(&folder, &board);
    let file = File::open(&folder.file()).unwrap();
    let gone = Key::Relayed(relayed(5).tag);
    let empty = kept(&Arc::new(Board::default()));
    assert!(!empty.is_there(&gone) && !empty.record(&gone, &mut Vec::new()));
    file.write([(&gone, None)].into_iter()).unwrap();
    file.close().unwrap();
    let again = Arc::new(Board::default());
    let begun = begin(&folder.file(), &kept(&again), UNIX).unwrap();
    assert_eq!(begun.loaded.relayed, 299);
    assert!(!again.is_saved(relayed(5).tag));
}

/// It has no such table.
#[test]
fn a_file_of_an_older_program_has_none_and_takes_them() {
    let (folder, board) = (Folder::new("relayed-older"), Arc::new(Board::default()));
    let (location, older) = site();
    bind(&location, 6001, 0, "sip:6001@192.0.2.1");
    let file = File::open(&folder.file()).unwrap();
    write(&file, &older, 6001..6002).unwrap();
    file.close().unwrap();
    let begun = begin(&folder.file(), &kept(&board), UNIX).unwrap();
    assert_eq!((begun.loaded.bindings, begun.loaded.relayed), (1, 0));
    drop(begun);
    written(&folder, &full());
    let begun = begin(&folder.file(), &kept(&board), UNIX).unwrap();
    assert_eq!((begun.loaded.bindings, begun.loaded.relayed), (1, 300));
}

#[test]
fn a_file_with_a_damaged_one_is_set_aside_and_the_others_are_kept() {
    let (folder, board) = (Folder::new("relayed-damaged"), full());
    written(&folder, &board);
    let mut bytes = fs::read(folder.file()).unwrap();
    let mut windows = bytes.windows(10);
    let at = windows.position(|window| window == b"call-00077").unwrap();
    bytes[at] ^= 1;
    fs::write(folder.file(), &bytes).unwrap();
    for damaged in [true, false] {
        let again = Arc::new(Board::default());
        let begun = begin(&folder.file(), &kept(&again), UNIX).unwrap();
        assert_eq!(again.saved_tags().len(), 299);
        assert_eq!(begun.loaded.damaged > 0, damaged);
        drop(begun);
        let aside = format!("state.redb.damaged-{}", UNIX.as_secs());
        assert_eq!(folder.names(), ["state.redb", &aside]);
    }
}

/// A value that was never written by us, though redb finds nothing wrong with its page.
#[test]
fn any_octets_in_place_of_one_harm_nobody() {
    let (folder, board) = (Folder::new("relayed-octets"), full());
    written(&folder, &board);
    let file = File::open(&folder.file()).unwrap();
    let odd: [&[u8]; 4] = [b"", b"\x01", &[0xff; 300], b"\x01\x04\xff\xff\xff\xff"];
    let keys = (1..=4).map(|number| Key::Relayed(relayed(number).tag));
    let keys: Vec<Key> = keys.collect();
    file.write(keys.iter().zip(odd.map(Some))).unwrap();
    file.close().unwrap();
    let again = Arc::new(Board::default());
    let result = begin(&folder.file(), &kept(&again), UNIX);
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(again.saved_tags().len(), 296);
}
