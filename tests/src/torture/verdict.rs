//! What an RFC asks for one message, and whether what happened is that.

use super::Outcome;

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file below the folder.
    pub file: String,
    /// The section of the RFC.
    pub section: String,
    /// What is asked.
    pub asks: Asks,
    /// The same in words.
    pub words: String,
    /// What must stand in what is relayed, or answered to a REGISTER; with `!`: must not.
    texts: Vec<String>,
}

/// What is asked of a proxy and registrar. A stranger's sound request is challenged, whatever it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asks {
    /// A sound request: from the inside it goes on, a stranger is challenged.
    Sound,
    /// A REGISTER that succeeds from the inside; a stranger is challenged.
    Registers,
    /// An OPTIONS for this server: 200 to the inside, a challenge to a stranger.
    Here,
    /// Anybody is told one of these.
    Refused(Vec<u16>),
    /// The registrar's refusal, which a stranger hears of behind the challenge only.
    RegisterRefused(u16),
    /// No hops are left: 483, or 200 to the inside.
    Hops,
    /// Nobody hears of it.
    Dropped,
}

/// Which side a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// A trusted network.
    Inside,
    /// Anywhere.
    Outside,
}

impl Case {
    /// All cases of the two RFCs, in their order.
    ///
    /// # Panics
    /// If the table cannot be read, which a test rules out.
    pub fn all() -> Vec<Self> {
        let lines = include_str!("asks.txt").lines();
        lines
            .filter(|line| !line.starts_with('#'))
            .map(Self::read)
            .collect()
    }

    /// Whether what happened to a message from that side is what is asked.
    pub fn is_met(&self, from: From, outcome: &Outcome) -> bool {
        let first = outcome.answers.first();
        let status = first.and_then(|answer| answer.status());
        let is_inside = from == From::Inside;
        let relayed = outcome.relayed.len();
        let challenge = match &self.asks {
            Asks::Registers | Asks::RegisterRefused(_) => 401,
            _ => 407,
        };
        match &self.asks {
            Asks::Dropped => status.is_none() && relayed == 0,
            Asks::Refused(any) => {
                let is_one = status.is_some_and(|status| any.contains(&status));
                is_one && relayed == 0 && first.is_some_and(|a| self.holds(a.text()))
            }
            Asks::Hops => relayed == 0 && (status == Some(483) || is_inside && status == Some(200)),
            _ if !is_inside => status == Some(challenge) && relayed == 0,
            // What came back is the PBX's answer.
            Asks::Sound => {
                let is_answered = matches!(status, Some(200 | 486));
                is_answered && relayed > 0 && outcome.relayed.iter().all(|text| self.holds(text))
            }
            Asks::Registers => {
                status == Some(200) && relayed == 0 && first.is_some_and(|a| self.holds(a.text()))
            }
            Asks::Here => status == Some(200) && relayed == 0,
            Asks::RegisterRefused(refusal) => status == Some(*refusal) && relayed == 0,
        }
    }

    fn holds(&self, text: &str) -> bool {
        self.texts
            .iter()
            .all(|wanted| match wanted.strip_prefix('!') {
                Some(unwanted) => !text.contains(unwanted),
                None => text.contains(wanted.as_str()),
            })
    }

    fn read(line: &str) -> Self {
        let mut columns = line.split('|').map(str::trim);
        let mut column = || columns.next().expect("five columns").to_owned();
        let (file, section, asks, words, texts) =
            (column(), column(), column(), column(), column());
        // Texts are separated by blanks, but for a single one that holds some.
        let is_one = !texts.starts_with(['<', '!']) && texts.contains(": ");
        let texts = match is_one {
            true => vec![texts],
            false => texts.split_whitespace().map(str::to_owned).collect(),
        };
        Self {
            file,
            section,
            asks: Asks::read(&asks),
            words,
            texts,
        }
    }
}

impl Asks {
    fn read(text: &str) -> Self {
        let mut words = text.split(' ');
        let name = words.next().unwrap_or_default();
        let statuses: Vec<u16> = words.map(|w| w.parse().expect("a status")).collect();
        match (name, statuses.as_slice()) {
            ("sound", []) => Self::Sound,
            ("registers", []) => Self::Registers,
            ("here", []) => Self::Here,
            ("refused", [_, ..]) => Self::Refused(statuses),
            ("register-refused", [status]) => Self::RegisterRefused(*status),
            ("hops", []) => Self::Hops,
            ("dropped", []) => Self::Dropped,
            _ => panic!("no verdict: {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    #[test]
    fn there_are_61_files_each_once() {
        let cases = Case::all();
        let mut files: Vec<_> = cases.iter().map(|case| &case.file).collect();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), 61);
        let new = cases
            .iter()
            .filter(|case| case.file.starts_with("rfc5118/"));
        assert_eq!(new.count(), 12);
    }

    #[test]
    fn a_verdict_is_met_by_what_it_asks_and_by_nothing_else() {
        let outcome = |status: Option<u16>, relayed: &[&str]| Outcome {
            answers: status
                .iter()
                .map(|s| Message::new(format!("SIP/2.0 {s} x\r\n\r\n")))
                .collect(),
            relayed: relayed.iter().map(|text| (*text).to_owned()).collect(),
            closed: false,
        };
        let case = |asks, texts: &str| Case::read(&format!("f | 1 | {asks} | words | {texts}"));
        let sound = case("sound", "!Route=");
        assert!(sound.is_met(From::Outside, &outcome(Some(407), &[])));
        assert!(!sound.is_met(From::Outside, &outcome(Some(400), &[])));
        assert!(!sound.is_met(From::Outside, &outcome(Some(407), &["x"])));
        assert!(sound.is_met(From::Inside, &outcome(Some(200), &["x"])));
        assert!(!sound.is_met(From::Inside, &outcome(Some(200), &["?Route=y"])));
        assert!(!sound.is_met(From::Inside, &outcome(Some(200), &[])));
        let refused = case("refused 416 404", "");
        assert!(refused.is_met(From::Outside, &outcome(Some(404), &[])));
        assert!(!refused.is_met(From::Inside, &outcome(None, &[])));
        let dropped = case("dropped", "");
        assert!(dropped.is_met(From::Inside, &outcome(None, &[])));
        assert!(!dropped.is_met(From::Inside, &outcome(Some(400), &[])));
        let hops = case("hops", "");
        assert!(!hops.is_met(From::Outside, &outcome(Some(200), &[])));
        assert!(hops.is_met(From::Inside, &outcome(Some(200), &[])));
    }
}
