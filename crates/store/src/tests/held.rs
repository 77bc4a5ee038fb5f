//! Mailboxes and published states in a file: put back as they were, and gone when they are.

use super::*;
use crate::held_name;
use bellhop_core::share::{Held, Key as Watched, SavedHeld, SavedMailbox, SavedPublished};

fn body(kind: &str, text: &str) -> (Box<[u8]>, Box<[u8]>) {
    (kind.as_bytes().into(), text.as_bytes().into())
}

fn mailbox() -> (Watched, SavedHeld) {
    let key = Watched {
        resource: aor(6001),
        package: "message-summary".into(),
        accept: "application/simple-message-summary".into(),
    };
    let lines = "Messages-Waiting: yes\r\nVoice-Message: 2/0\r\n";
    let mailbox = SavedMailbox {
        state: b"terminated".as_slice().into(),
        body: body("application/simple-message-summary", lines),
    };
    let saved = SavedHeld {
        mailbox: Some(mailbox),
        published: None,
    };
    (key, saved)
}

fn published(seconds: u64) -> (Watched, SavedHeld) {
    let key = Watched {
        resource: aor(6002),
        package: "presence".into(),
        accept: "text/plain".into(),
    };
    let published = SavedPublished {
        owner: "night".into(),
        body: body("text/plain", "away"),
        until: Some(UNIX + Duration::from_secs(seconds)),
    };
    let saved = SavedHeld {
        mailbox: None,
        published: Some(published),
    };
    (key, saved)
}

fn kept(held: &Arc<Held>) -> Kept {
    let location = Arc::new(Location::new(1_000, [1, 2, 3, 4]));
    Kept::new(location, Names::default(), now).with(Arc::default(), Arc::clone(held))
}

#[test]
fn what_was_said_and_published_is_put_back_unless_its_time_is_over() {
    for (seconds, back) in [(60, 2), (0, 1)] {
        let folder = Folder::new(&format!("held-{seconds}"));
        let file = File::open(&folder.file()).unwrap();
        for (key, saved) in [mailbox(), published(seconds)] {
            let (name, mut value) = (held_name(&key), Vec::new());
            crate::held::write_held(&name, &saved, &mut value);
            let key = Key::Held(name.into());
            file.write([(&key, Some(value.as_slice()))].into_iter())
                .unwrap();
        }
        file.close().unwrap();
        let held = Arc::new(Held::default());
        let kept = kept(&held);
        let begun = begin(&folder.file(), &kept, UNIX).unwrap();
        assert_eq!(begun.loaded.held, back);
        // And written again as it was.
        assert_eq!(held.keys().len(), back);
        let all = [mailbox(), published(seconds)];
        for (key, saved) in all.into_iter().take(back) {
            assert_eq!(held.saved(now(), &key), Some(saved));
            assert!(kept.is_there(&Key::Held(held_name(&key).into())));
        }
        let none = held_name(&published(0).0).replace("presence", "dialog");
        assert!(!kept.is_there(&Key::Held(none.into())));
    }
}
