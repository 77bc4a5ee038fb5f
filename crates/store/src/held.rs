//! How what plugins publish, and what the PBX said of mailboxes unasked, is written down: as watchers are.

use crate::codec::Unreadable;
use crate::fields::{Fields, begin, end, put, text};
use bellhop_core::{
    registrar::Aor,
    share::{Key, SavedHeld, SavedMailbox, SavedPublished},
};
use std::time::Duration;

/// What a key is called in the file.
pub fn held_name(key: &Key) -> String {
    // None of them has a line's end.
    format!("{}\n{}\n{}", key.package, key.accept, key.resource.as_str())
}

/// The key that is called so.
pub(crate) fn held_key(name: &str) -> Option<Key> {
    let mut parts = name.splitn(3, '\n');
    let (package, accept) = (parts.next()?, parts.next()?);
    Some(Key {
        resource: Aor::of_canonical(parts.next()?)?,
        package: package.into(),
        accept: accept.into(),
    })
}

/// Writes what is kept of a key in place of what `out` has.
pub(crate) fn write_held(name: &str, held: &SavedHeld, out: &mut Vec<u8>) {
    begin(VERSION, out);
    if let Some(mailbox) = &held.mailbox {
        put(STATE, &mailbox.state, out);
        put(SAID_KIND, &mailbox.body.0, out);
        put(SAID, &mailbox.body.1, out);
    }
    if let Some(published) = &held.published {
        put(OWNER, published.owner.as_bytes(), out);
        put(PUBLISHED_KIND, &published.body.0, out);
        put(PUBLISHED, &published.body.1, out);
        if let Some(until) = published.until {
            let micros = u64::try_from(until.as_micros()).unwrap_or(u64::MAX);
            put(UNTIL, &micros.to_be_bytes(), out);
        }
    }
    end(name, out);
}

/// Reads what [`write_held`] wrote under this name.
pub(crate) fn read_held(name: &str, value: &[u8]) -> Result<(Key, SavedHeld), Unreadable> {
    let fields = Fields::of(VERSION, name, value)?;
    let read = || {
        let mailbox = match fields.one(SAID) {
            Some(body) => Some(SavedMailbox {
                state: fields.one(STATE)?.into(),
                body: (fields.one(SAID_KIND)?.into(), body.into()),
            }),
            None => None,
        };
        let published = match fields.one(PUBLISHED) {
            Some(body) => Some(SavedPublished {
                owner: text(fields.one(OWNER)?)?.into(),
                body: (fields.one(PUBLISHED_KIND)?.into(), body.into()),
                until: match fields.one(UNTIL) {
                    Some(micros) => Some(Duration::from_micros(u64::from_be_bytes(
                        micros.try_into().ok()?,
                    ))),
                    None => None,
                },
            }),
            None => None,
        };
        Some((held_key(name)?, SavedHeld { mailbox, published }))
    };
    read().ok_or(Unreadable::Damaged)
}

const VERSION: u8 = 1;

// Numbers of fields. One that is given is never given to anything else.
const STATE: u8 = 1;
const SAID_KIND: u8 = 2;
const SAID: u8 = 3;
const OWNER: u8 = 4;
const PUBLISHED_KIND: u8 = 5;
const PUBLISHED: u8 = 6;
const UNTIL: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key {
            resource: Aor::parse_text("sip:a%20b@example.org").unwrap(),
            package: "message-summary".into(),
            accept: "application/simple-message-summary".into(),
        }
    }

    fn body(text: &str) -> (Box<[u8]>, Box<[u8]>) {
        (b"a/b;c=d".as_slice().into(), text.as_bytes().into())
    }

    #[test]
    fn what_is_kept_of_a_key_reads_back_by_its_name_and_by_no_other() {
        let mailbox = Some(SavedMailbox {
            state: b"terminated".as_slice().into(),
            body: body("Messages-Waiting: yes\r\n"),
        });
        let published = |until| {
            Some(SavedPublished {
                owner: "night".into(),
                body: body("<x/>"),
                until,
            })
        };
        for held in [
            SavedHeld {
                mailbox: mailbox.clone(),
                published: None,
            },
            SavedHeld {
                mailbox,
                published: published(Some(Duration::from_secs(7))),
            },
            SavedHeld {
                mailbox: None,
                published: published(None),
            },
        ] {
            let (name, mut value) = (held_name(&key()), Vec::new());
            write_held(&name, &held, &mut value);
            assert_eq!(read_held(&name, &value), Ok((key(), held)));
            let other = name.replace("a%20b", "other");
            assert_eq!(read_held(&other, &value), Err(Unreadable::Damaged));
            let half = value.get(..value.len() / 2).unwrap();
            assert_eq!(read_held(&name, half), Err(Unreadable::Damaged));
        }
    }
}
