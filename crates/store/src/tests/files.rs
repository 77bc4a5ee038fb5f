//! Files: read again, locked, newer, damaged.

use super::*;
use std::{fs, os::unix::fs::PermissionsExt as _};

#[test]
fn a_file_gives_back_what_was_written_and_what_was_taken_away_is_gone() {
    let folder = Folder::new("again");
    let (location, kept) = site();
    bind(&location, 1, 0, "sip:a@192.0.2.1");
    bind(&location, 1, 1, "sip:b@192.0.2.1;transport=tcp");
    bind(&location, 2, 0, "sip:c@192.0.2.1");
    let begun = begin(&folder.file(), &kept, UNIX).unwrap();
    assert_eq!(begun.loaded, Loaded::default());
    let file = begun.file.unwrap();
    assert!(file.is_new());
    let mode = fs::metadata(folder.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(write(&file, &kept, 1..3).unwrap(), 2);
    let gone = [(key(2), None::<&[u8]>)];
    let left = file.write(gone.iter().map(|(key, value)| (key, *value)));
    assert_eq!(left.unwrap(), (1, 0));
    // As a crash leaves it.
    std::mem::forget(file);
    fs::copy(folder.file(), folder.0.join("copy")).unwrap();
    let (other, kept) = site();
    let begun = begin(&folder.0.join("copy"), &kept, UNIX).unwrap();
    assert!(!begun.file.unwrap().is_new());
    assert_eq!((begun.loaded.aors, begun.loaded.bindings), (1, 2));
    assert_eq!(contacts(&other, 1), contacts(&location, 1));
    assert!(contacts(&other, 2).is_empty());
}

#[test]
fn a_file_that_another_has_open_is_left_alone() {
    let folder = Folder::new("locked");
    let (_, kept) = site();
    let _held = begin(&folder.file(), &kept, UNIX).unwrap();
    let error = begin(&folder.file(), &kept, UNIX).unwrap_err();
    assert!(matches!(error, Cannot::Locked), "{error}");
    assert_eq!(folder.names(), ["state.redb"]);
}

#[test]
fn bindings_over_a_listener_that_is_gone_or_has_another_transport_are_left_out_and_told() {
    let folder = Folder::new("listener");
    let (location, kept) = site();
    bind(&location, 1, 0, "sip:a@192.0.2.1");
    bind(&location, 2, 1, "sip:b@192.0.2.1");
    let file = File::open(&folder.file()).unwrap();
    write(&file, &kept, 1..3).unwrap();
    file.close().unwrap();
    let (other, kept) = site_with(&[("tcp", Transport::Tls), ("udp", Transport::Udp)]);
    let loaded = begin(&folder.file(), &kept, UNIX).unwrap().loaded;
    assert_eq!(loaded.strangers, (1, Some("tcp".to_owned())));
    assert_eq!(loaded.bindings, 1);
    let mut found = Bindings::new();
    other.lookup(now().instant, &aor(1), &mut found);
    assert_eq!(found[0].flow.listener, ListenerId(1));
}

#[test]
fn what_is_no_file_of_ours_is_set_aside_as_it_is() {
    for (name, bytes) in [
        (
            "text",
            b"these are not the bindings you look for".repeat(300),
        ),
        ("short", b"x".to_vec()),
        ("zeros", vec![0; 20_000]),
    ] {
        let folder = Folder::new(name);
        fs::write(folder.file(), &bytes).unwrap();
        let (_, kept) = site();
        let begun = begin(&folder.file(), &kept, UNIX).unwrap();
        assert!(begun.file.unwrap().is_new(), "{name}");
        let aside = format!("state.redb.damaged-{}", UNIX.as_secs());
        assert_eq!(folder.names(), ["state.redb", &aside], "{name}");
        assert_eq!(fs::read(folder.0.join(aside)).unwrap(), bytes, "{name}");
    }
}

#[test]
fn a_file_with_a_damaged_value_is_set_aside_and_the_others_are_kept() {
    let folder = Folder::new("value");
    let (location, kept) = site();
    for user in 1..=300 {
        bind(
            &location,
            user,
            0,
            &format!("sip:contact-{user:05}@192.0.2.1"),
        );
    }
    let file = File::open(&folder.file()).unwrap();
    write(&file, &kept, 1..301).unwrap();
    file.close().unwrap();
    let mut bytes = fs::read(folder.file()).unwrap();
    let at = bytes
        .windows(13)
        .position(|window| window == b"contact-00077")
        .unwrap();
    bytes[at] ^= 1;
    fs::write(folder.file(), &bytes).unwrap();
    let (other, kept) = site();
    let begun = begin(&folder.file(), &kept, UNIX).unwrap();
    assert_eq!(begun.loaded.bindings, 299);
    assert!(contacts(&other, 77).is_empty());
    let aside = folder
        .0
        .join(format!("state.redb.damaged-{}", UNIX.as_secs()));
    assert_eq!(fs::read(aside).unwrap(), bytes);
    // The new file has them.
    drop(begun);
    let (other, kept) = site();
    let begun = begin(&folder.file(), &kept, UNIX).unwrap();
    assert_eq!((begun.loaded.bindings, begun.loaded.damaged), (299, 0));
    assert_eq!(contacts(&other, 78).len(), 1);
}

#[test]
fn whatever_is_damaged_there_is_a_file_again_and_the_old_one_is_kept() {
    let folder = Folder::new("anywhere");
    let (location, kept) = site();
    for user in 1..=40 {
        bind(
            &location,
            user,
            0,
            &format!("sip:contact-{user:05}@192.0.2.1"),
        );
    }
    let file = File::open(&folder.file()).unwrap();
    write(&file, &kept, 1..41).unwrap();
    file.close().unwrap();
    let good = fs::read(folder.file()).unwrap();
    for nth in 0..60_usize {
        let mut bytes = good.clone();
        let at = nth * 7919 % bytes.len();
        let end = bytes.len().min(at + 64);
        bytes[at..end].fill(0xa5);
        if nth % 7 == 0 {
            bytes.truncate(at);
        }
        fs::write(folder.file(), &bytes).unwrap();
        let (other, kept) = site();
        match begin(
            &folder.file(),
            &kept,
            UNIX + Duration::from_secs(nth as u64),
        ) {
            Ok(begun) => {
                let is_aside = folder.names().len() > 1;
                let all = (1..=40).all(|user| contacts(&other, user) == contacts(&location, user));
                assert!(all || is_aside || bytes.is_empty(), "{at}");
                drop(begun);
            }
            // An octet that says which program wrote it.
            Err(error) => assert!(matches!(error, Cannot::Newer(_)), "{at}: {error}"),
        }
        for name in folder.names() {
            fs::remove_file(folder.0.join(name)).unwrap();
        }
    }
}

#[test]
fn a_file_of_a_newer_program_is_left_alone() {
    let folder = Folder::new("newer");
    {
        let table = redb::TableDefinition::<&str, u64>::new("about");
        let database = redb::Database::create(folder.file()).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut about = transaction.open_table(table).unwrap();
        about.insert("format", 2).unwrap();
        drop(about);
        transaction.commit().unwrap();
    }
    let (_, kept) = site();
    let error = begin(&folder.file(), &kept, UNIX).unwrap_err();
    assert!(matches!(error, Cannot::Newer(_)), "{error}");
    assert!(error.to_string().contains("form 2"), "{error}");
    assert_eq!(folder.names(), ["state.redb"]);
}
