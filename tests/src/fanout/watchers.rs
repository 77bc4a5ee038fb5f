//! Phones that watch one lamp: each NOTIFY is looked at closely, answered at once, and the time is noted.

use crate::lane::{Lane, Transport};
use crate::message::Message;
use crate::phone::Phone;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use quick_xml::Reader;
use quick_xml::events::Event;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Watchers {
    all: Vec<Watcher>,
    _lane: Lane,
}

#[derive(Debug)]
struct Watcher {
    phone: Phone,
    /// From the 200: what every NOTIFY must bear.
    dialog: [String; 3],
    /// Of the last NOTIFY.
    cseq: u32,
    /// Of the last body.
    version: Option<u64>,
}

impl Watchers {
    /// Phones of the users 6001 to 6009, at up to a hundred addresses.
    pub(super) fn new(lane: Lane, count: usize) -> Self {
        let watcher = |n: usize| {
            let place = u8::try_from(n % 100).expect("below a hundred");
            let mut local: SocketAddr = lane.phone(place);
            local.set_port(5060 + u16::try_from(n / 100).expect("few"));
            let user = format!("600{}", 1 + n % 9);
            Watcher {
                phone: Phone::new(&user, local, lane.bellhop(), Transport::Udp),
                dialog: Default::default(),
                cseq: 0,
                version: None,
            }
        };
        Self {
            all: (0..count).map(watcher).collect(),
            _lane: lane,
        }
    }

    /// Each subscribes to the lamp, one after another.
    pub(super) fn subscribe(&mut self, lamp: &str) {
        for watcher in &mut self.all {
            let ok = watcher.phone.subscribe(lamp, "dialog", 3600);
            assert_eq!(ok.status(), Some(200), "{}", ok.text());
            let parts = ["Call-ID", "To", "From"];
            watcher.dialog = parts.map(|part| ok.header(part).to_owned());
            watcher.phone.never_wait();
        }
    }

    /// Waits until each has heard a NOTIFY with this in it; when each did.
    pub(super) fn hear(&mut self, what: &str, within: Duration) -> Vec<Instant> {
        let deadline = Instant::now() + within;
        let mut heard: Vec<Option<Instant>> = vec![None; self.all.len()];
        loop {
            for (watcher, heard) in self.all.iter_mut().zip(&mut heard) {
                while let Some(message) = watcher.phone.receive() {
                    let at = Instant::now();
                    watcher.phone.answer(&message, "200 OK");
                    if watcher.takes(&message) && message.text().contains(what) {
                        heard.get_or_insert(at);
                    }
                }
            }
            if heard.iter().all(Option::is_some) {
                return heard.into_iter().flatten().collect();
            }
            let deaf = heard.iter().filter(|heard| heard.is_none()).count();
            assert!(
                Instant::now() < deadline,
                "{deaf} of {} have not heard {what} within {within:?}",
                heard.len()
            );
            self.wait();
        }
    }

    /// Until a message is there, or a moment.
    fn wait(&self) {
        let fds = self.all.iter().map(|watcher| watcher.phone.socket());
        let mut fds: Vec<PollFd<'_>> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let _ = poll(&mut fds, PollTimeout::from(50_u8));
    }
}

impl Watcher {
    /// A NOTIFY of its dialog, sound in itself; false for a copy of the last one.
    fn takes(&mut self, notify: &Message) -> bool {
        let text = notify.text();
        assert!(notify.start_line().starts_with("NOTIFY "), "{text}");
        let [call_id, to, from] = &self.dialog;
        // RFC 6665 4.2.1.2, RFC 3261 12.2.1.1: its names are those of the 200, the other way round.
        assert_eq!(notify.header("Call-ID"), call_id, "{text}");
        assert_eq!(notify.header("From"), to, "{text}");
        assert_eq!(notify.header("To"), from, "{text}");
        assert_eq!(notify.header("Event"), "dialog", "{text}");
        let (cseq, method) = notify.header("CSeq").split_once(' ').expect("a CSeq");
        assert_eq!(method, "NOTIFY", "{text}");
        let cseq: u32 = cseq.parse().expect("a CSeq");
        if cseq == self.cseq {
            return false;
        }
        assert!(cseq > self.cseq, "after {}: {text}", self.cseq);
        self.cseq = cseq;
        let (_, body) = text.split_once("\r\n\r\n").expect("a body or none");
        let length = notify.header("Content-Length").parse();
        assert_eq!(length, Ok(body.len()), "{text}");
        let state = notify.header("Subscription-State");
        if body.is_empty() {
            // The first hears so that nothing is known yet.
            assert!(state.starts_with("pending;expires="), "{text}");
            return true;
        }
        assert!(state.starts_with("active;expires="), "{text}");
        let kind = notify.header("Content-Type");
        assert_eq!(kind, "application/dialog-info+xml", "{text}");
        let version = version_of(body).unwrap_or_else(|why| panic!("{why}: {text}"));
        assert!(self.version.is_none_or(|last| version > last), "{text}");
        self.version = Some(version);
        true
    }
}

/// The version of a dialog-info document that is well-formed (RFC 4235 4.1).
fn version_of(body: &str) -> Result<u64, String> {
    let mut reader = Reader::from_str(body);
    let (mut depth, mut version, mut roots) = (0_u32, None, 0_u32);
    loop {
        let event = reader.read_event().map_err(|e| e.to_string())?;
        if let Event::Start(tag) | Event::Empty(tag) = &event {
            // Each must be there once, and quoted.
            for attribute in tag.attributes() {
                let attribute = attribute.map_err(|e| e.to_string())?;
                if depth == 0 && attribute.key.as_ref() == "version" {
                    version = attribute.value.parse().ok();
                }
            }
            if depth == 0 {
                roots += 1;
                if tag.name().as_ref() != "dialog-info" {
                    return Err("another root".to_owned());
                }
            }
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::Eof if depth == 0 && roots == 1 => {
                return version.ok_or_else(|| "no version".to_owned());
            }
            Event::Eof => return Err("no whole document".to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_document_has_a_version_and_a_broken_one_a_fault() {
        let sound = "<?xml version=\"1.0\"?>\r\n<dialog-info version=\"7\" state=\"full\">\
                     <dialog id=\"a\"><state>early</state></dialog></dialog-info>\r\n";
        assert_eq!(version_of(sound), Ok(7));
        for broken in [
            sound.replace("</dialog>", ""),
            sound.replace("</state>", "</stat>"),
            sound.replace("state=\"full\"", "version=\"8\""),
            sound.replace("version=\"7\"", ""),
            sound.replace("\"full\"", "full"),
            format!("{sound}<dialog-info version=\"8\"/>"),
            String::new(),
        ] {
            assert!(version_of(&broken).is_err(), "{broken}");
        }
    }
}
