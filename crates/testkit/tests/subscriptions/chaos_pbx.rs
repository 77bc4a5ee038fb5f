//! The PBX of the chaos: a notifier of its own making, that knows nothing of Bellhop's.

use crate::party::*;
use bellhop_core::time::Instant;
use bellhop_testkit::Chance;
use std::collections::BTreeMap;

/// Users whose lamps it has.
pub(crate) const RESOURCES: [&str; 3] = ["6001", "6002", "6003"];

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// 503 to each SUBSCRIBE.
    Busy,
    /// It grants a few seconds only.
    Brief,
    /// It tells in parts where it can, and leaves versions out.
    Partial,
    /// It is not there.
    Dead,
}

pub(crate) struct Pbx {
    mood: (Mood, Instant),
    /// How it comes back: with what it had, with old numbers, with nothing.
    comes_back: usize,
    /// It has come back with nothing once.
    pub(crate) has_forgotten: bool,
    lamps: [usize; 3],
    dialogs: BTreeMap<String, Dialog>,
    /// Answers to SUBSCRIBEs, by their Via.
    answers: BTreeMap<String, String>,
    chance: Chance,
    count: u32,
}

struct Dialog {
    asked: String,
    resource: usize,
    tag: String,
    cseq: u32,
    version: u32,
    subscriber: u32,
    until: Instant,
    /// The NOTIFY that is under way, when it was sent last, and how often.
    flying: Option<(String, Instant, u32)>,
    is_behind: bool,
    end: Option<&'static str>,
}

impl Pbx {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            mood: (Mood::Well, Instant::default()),
            comes_back: 0,
            has_forgotten: false,
            lamps: [0; 3],
            dialogs: BTreeMap::new(),
            answers: BTreeMap::new(),
            chance: Chance::new(!seed),
            count: 0,
        }
    }

    /// What its lamp of this resource says.
    pub(crate) fn lamp(&self, resource: usize) -> String {
        format!("s{}", self.lamps[resource])
    }

    /// How many subscriptions it has, of this resource or of all.
    pub(crate) fn live(&self, resource: Option<usize>) -> usize {
        let is_of = |dialog: &&Dialog| resource.is_none_or(|own| own == dialog.resource);
        let all = self.dialogs.values().filter(is_of);
        all.filter(|dialog| dialog.end.is_none()).count()
    }

    pub(crate) fn turns(&mut self, mood: Mood, until: Instant) {
        if self.mood.0 != Mood::Dead {
            self.mood = (mood, until);
        }
    }

    pub(crate) fn dies(&mut self, until: Instant, comes_back: usize) {
        if self.mood.0 != Mood::Dead {
            self.mood = (Mood::Dead, until);
            self.comes_back = comes_back;
        }
    }

    pub(crate) fn calms(&mut self) {
        self.mood.1 = Instant::default();
    }

    pub(crate) fn changes(&mut self, world: &mut World, resource: usize) {
        self.lamps[resource] += 1;
        if self.mood.0 == Mood::Dead {
            return;
        }
        let ids = self.dialogs.iter().filter(|(_, d)| d.resource == resource);
        let ids: Vec<String> = ids.map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.tells(world, &id, false);
        }
    }

    pub(crate) fn changes_all(&mut self, world: &mut World) {
        for resource in 0..RESOURCES.len() {
            self.changes(world, resource);
        }
    }

    /// It ends what it has of a resource.
    pub(crate) fn ends(&mut self, world: &mut World, resource: usize, why: usize) {
        if self.mood.0 == Mood::Dead {
            return;
        }
        let all = [
            "terminated;reason=deactivated",
            "terminated;reason=timeout",
            "terminated;reason=probation;retry-after=3",
            "terminated;reason=giveup",
            "terminated",
        ];
        let ids = self.dialogs.iter().filter(|(_, d)| d.resource == resource);
        let ids: Vec<String> = ids.map(|(id, _)| id.clone()).collect();
        for id in ids {
            if let Some(dialog) = self.dialogs.get_mut(&id) {
                dialog.end = dialog.end.or(Some(all[why % all.len()]));
            }
            self.tells(world, &id, false);
        }
    }

    fn says(&self, world: &mut World, text: &str) {
        say(world, &pbx(), text);
    }

    pub(crate) fn hears(&mut self, world: &mut World, message: &str, chance: &mut Chance) {
        if self.mood.0 == Mood::Dead {
            return;
        }
        if message.starts_with("SIP/2.0 ") {
            return self.answered(world, message);
        }
        if let Some(answer) = self.answers.get(value(message, "Via")).cloned() {
            return self.says(world, &answer);
        }
        let (status, more) = match message.split(' ').next() {
            Some("SUBSCRIBE") => return self.subscribed(world, message, chance),
            Some("OPTIONS") if value(message, "To").contains(";tag=") => {
                let is_known = self.dialogs.contains_key(value(message, "Call-ID"));
                (if is_known { 500 } else { 481 }, "")
            }
            _ => (200, ""),
        };
        self.says(world, &pbx().answer(message, status, "So", more));
    }

    fn subscribed(&mut self, world: &mut World, message: &str, chance: &mut Chance) {
        let id = value(message, "Call-ID").to_owned();
        let number: u32 = value(message, "CSeq")
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let asked: u64 = value(message, "Expires").parse().unwrap();
        let has_tag = value(message, "To").contains(";tag=");
        let is_busy = self.mood.0 == Mood::Busy && asked > 0;
        let granted = match self.mood.0 {
            Mood::Brief => asked.min(4),
            _ => asked.min(100),
        };
        let until = world.now.instant.after(Duration::from_secs(granted));
        let was_known = self.dialogs.contains_key(&id);
        let known = self
            .dialogs
            .get_mut(&id)
            .filter(|dialog| dialog.end.is_none());
        let status = match known {
            _ if is_busy => 503,
            Some(dialog) if number <= dialog.subscriber => 500,
            Some(dialog) => {
                (dialog.subscriber, dialog.until) = (number, until);
                dialog.asked = message.to_owned();
                200
            }
            None if has_tag || was_known => 481,
            None => {
                self.count += 1;
                let user = message.split("sip:").nth(1).unwrap_or_default();
                let user = user.split('@').next().unwrap_or_default();
                let resource = RESOURCES.iter().position(|own| *own == user);
                let dialog = Dialog {
                    asked: message.to_owned(),
                    resource: resource.expect("a resource"),
                    tag: format!("pbx{}", self.count),
                    // Asterisk draws it; nought is as good as any.
                    cseq: [0, 1, 32_767, 2_147_000_000][self.chance.below(4) as usize],
                    version: self.chance.below(3) as u32,
                    subscriber: number,
                    until,
                    flying: None,
                    is_behind: false,
                    end: None,
                };
                self.dialogs.insert(id.clone(), dialog);
                200
            }
        };
        let tag = self.dialogs.get(&id).map(|dialog| dialog.tag.clone());
        let more = match status {
            200 => format!("Expires: {granted}\r\n"),
            503 if chance.happens(50) => "Retry-After: 2\r\n".to_owned(),
            _ => String::new(),
        };
        let mut answer = pbx().answer(message, status, "So", &more);
        if let Some(tag) = tag.filter(|_| !has_tag) {
            answer = answer.replacen(";tag=tpbx", &format!(";tag={tag}"), 1);
        }
        self.answers
            .insert(value(message, "Via").to_owned(), answer.clone());
        let is_early = chance.happens(30);
        if status == 200 && is_early {
            self.grants(world, &id, asked);
        }
        self.says(world, &answer);
        if status == 200 && !is_early {
            self.grants(world, &id, asked);
        }
    }

    fn grants(&mut self, world: &mut World, id: &str, asked: u64) {
        if asked == 0
            && let Some(dialog) = self.dialogs.get_mut(id)
        {
            dialog.end = Some("terminated;reason=timeout");
        }
        self.tells(world, id, true);
    }

    /// A NOTIFY in this dialog, as soon as the last was answered.
    fn tells(&mut self, world: &mut World, id: &str, is_all: bool) {
        let is_partial = self.mood.0 == Mood::Partial && !is_all;
        let skips = is_partial && self.chance.happens(70);
        let Some(dialog) = self.dialogs.get_mut(id) else {
            return;
        };
        if dialog.flying.is_some() {
            dialog.is_behind = true;
            return;
        }
        dialog.is_behind = false;
        let lamp = self.lamps[dialog.resource];
        let step = if skips { 2 } else { 1 };
        (dialog.cseq, dialog.version) = (dialog.cseq + 1, dialog.version + step);
        let body = format!(
            "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{}\" state=\"{}\" \
             entity=\"sip:x@pbx\"><dialog id=\"a\"><state>s{lamp}</state></dialog></dialog-info>",
            dialog.version,
            if is_partial { "partial" } else { "full" },
        );
        let left = dialog.until.since(world.now.instant).as_secs();
        let state = match dialog.end {
            Some(end) => end.to_owned(),
            None => format!("active;expires={left}"),
        };
        self.count += 1;
        let asked = &dialog.asked;
        let target = value(asked, "Contact").trim_matches(['<', '>']).to_owned();
        let own = value(asked, "To").split(";tag=").next().unwrap_or_default();
        let text = format!(
            "NOTIFY {target} SIP/2.0\r\nVia: SIP/2.0/UDP {PBX};branch=z9hG4bKn{};rport\r\n\
             Max-Forwards: 70\r\nFrom: {own};tag={}\r\nTo: {}\r\nCall-ID: {id}\r\nCSeq: {} NOTIFY\r\n\
             Contact: <sip:{PBX}>\r\nEvent: dialog\r\nSubscription-State: {state}\r\n\
             Content-Type: application/dialog-info+xml\r\nContent-Length: {}\r\n\r\n{body}",
            self.count,
            dialog.tag,
            value(asked, "From"),
            dialog.cseq,
            body.len(),
        );
        dialog.flying = Some((text.clone(), world.now.instant, 1));
        self.says(world, &text);
    }

    fn answered(&mut self, world: &mut World, answer: &str) {
        let id = value(answer, "Call-ID").to_owned();
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        let is_of = |(text, _, _): &mut (String, Instant, u32)| {
            value(text, "CSeq") == value(answer, "CSeq")
        };
        if dialog.flying.take_if(is_of).is_none() {
            return;
        }
        let status = status_of(answer);
        if status != 200 || (dialog.end.is_some() && !dialog.is_behind) {
            self.dialogs.remove(&id);
        } else if dialog.is_behind {
            self.tells(world, &id, true);
        }
    }

    pub(crate) fn tick(&mut self, world: &mut World) {
        let now = world.now.instant;
        if self.mood.0 != Mood::Well && self.mood.1 <= now {
            let was_dead = self.mood.0 == Mood::Dead;
            self.mood = (Mood::Well, now);
            if was_dead {
                self.returns(world);
            }
        }
        if self.mood.0 == Mood::Dead {
            return;
        }
        let ids: Vec<String> = self.dialogs.keys().cloned().collect();
        for id in ids {
            let Some(dialog) = self.dialogs.get_mut(&id) else {
                continue;
            };
            let mut again = None;
            if let Some((text, sent, times)) = &mut dialog.flying
                && now.since(*sent) >= SECOND
            {
                (*sent, *times) = (now, *times + 1);
                again = Some((text.clone(), *times > 32));
            }
            match again {
                // As Asterisk does.
                Some((_, true)) => drop(self.dialogs.remove(&id)),
                Some((text, false)) => self.says(world, &text),
                None if dialog.until <= now && dialog.end.is_none() => {
                    dialog.end = Some("terminated;reason=timeout");
                    self.tells(world, &id, true);
                }
                None => {}
            }
        }
    }

    /// It is there again.
    fn returns(&mut self, world: &mut World) {
        self.answers.clear();
        match self.comes_back {
            0 => {
                self.has_forgotten = true;
                self.dialogs.clear();
            }
            1 => {}
            _ => {
                // Something has changed on the way.
                self.lamps[0] += 1;
                let mut ids = Vec::new();
                for (id, dialog) in &mut self.dialogs {
                    dialog.flying = None;
                    // Its numbers were written down a while ago.
                    dialog.cseq = dialog.cseq.saturating_sub(2);
                    dialog.version = 0;
                    ids.push(id.clone());
                }
                for id in ids {
                    self.tells(world, &id, true);
                }
            }
        }
    }
}
