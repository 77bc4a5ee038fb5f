//! Draws the ladder: one line for each message, a lifeline for each party, the start line at the right
//! and below it what Bellhop decided. Never wider than [`WIDTH`] columns.

#[cfg(test)]
mod tests;

use super::trace::{Kind, Party, Step};
use std::{
    env,
    io::{self, IsTerminal},
};

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Box drawing and arrows; else ASCII.
    pub(super) unicode: bool,
    /// ANSI colours.
    pub(super) colour: bool,
}

/// Columns of the whole.
pub(super) const WIDTH: usize = 100;

impl Look {
    /// What standard output's terminal can show: UTF-8 if the locale says so, colours if it is a
    /// terminal and NO_COLOR is not set.
    pub(super) fn of_terminal(ascii: bool) -> Self {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let is_dumb = set("TERM").is_some_and(|term| term == "dumb");
        Self {
            unicode: !ascii && locale.is_some_and(|locale| is_utf8(&locale)),
            colour: io::stdout().is_terminal() && set("NO_COLOR").is_none() && !is_dumb,
        }
    }

    const fn glyphs(self) -> Glyphs {
        if self.unicode { UNICODE } else { ASCII }
    }

    /// The text in a colour, if there are colours.
    pub(super) fn paint(self, colour: Colour, text: &str) -> String {
        if self.colour && !text.trim().is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", colour.code())
        } else {
            text.to_owned()
        }
    }
}

/// A role that a text plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// A heading.
    Title,
    /// Of less interest.
    Faint,
    /// A request.
    Request,
    /// It went well.
    Good,
    /// It was refused, or went wrong.
    Bad,
    /// What Bellhop decided.
    Decision,
}

/// The whole ladder, each line ended.
pub(super) fn draw(steps: &[Step], look: Look) -> String {
    let mut out = String::new();
    let mut scenes = 0_usize;
    for step in steps {
        if let Some(title) = &step.scene {
            scenes = scenes.saturating_add(1);
            let title = cut(&format!("{scenes}. {title}"), WIDTH, look);
            out.push_str(&format!("\n{}\n", look.paint(Colour::Title, &title)));
        }
        if step.scene.is_some() || out.is_empty() {
            out.push_str(&look.paint(Colour::Faint, &names()));
            out.push('\n');
        }
        message(step, look, &mut out);
    }
    out
}

fn message(step: &Step, look: Look, out: &mut String) {
    let time = format!("{:>TIME$.1}", step.at.as_secs_f64() * 1000.0);
    let line = cut(&step.line, TEXT, look);
    let colour = match step.kind {
        Kind::Request => Colour::Request,
        Kind::Provisional => Colour::Faint,
        Kind::Success => Colour::Good,
        Kind::Refusal => Colour::Bad,
    };
    out.push_str(&look.paint(Colour::Faint, &time));
    out.push_str(&" ".repeat(MARGIN));
    out.push_str(&arrow(step, look, colour));
    out.push_str(&" ".repeat(GUTTER));
    out.push_str(&look.paint(colour, &line));
    out.push('\n');
    for (number, text) in remarks(step).iter().enumerate() {
        let bullet = look.glyphs().bullet;
        for (part, words) in wrapped(text, TEXT.saturating_sub(BULLET))
            .iter()
            .enumerate()
        {
            let mark = if part == 0 { bullet } else { " " };
            let colour = if number < step.decisions.len() {
                Colour::Decision
            } else {
                Colour::Bad
            };
            out.push_str(&" ".repeat(TIME.saturating_add(MARGIN)));
            out.extend(lifelines(look));
            out.push_str(&" ".repeat(GUTTER));
            out.push_str(&look.paint(colour, &format!("{mark} {words}")));
            out.push('\n');
        }
    }
}

/// The lifelines with the message's arrow between two of them.
fn arrow(step: &Step, look: Look, colour: Colour) -> String {
    let glyphs = look.glyphs();
    let (from, to) = (column(step.from), column(step.to));
    let (low, high) = (from.min(to), from.max(to));
    let room = high.saturating_sub(low).saturating_sub(1);
    let shaft = if step.crossed {
        glyphs.shaft
    } else {
        glyphs.lost
    };
    let label = format!(" {} ", cut(&step.label, room.saturating_sub(4), look));
    let shafts = room.saturating_sub(label.chars().count()).saturating_sub(1);
    let before = shafts.div_ceil(2);
    let after = shafts.saturating_sub(before);
    let line = |n| std::iter::repeat_n(shaft, n).collect::<String>();
    let drawn = if to > from {
        format!("{}{label}{}{}", line(before), line(after), glyphs.right)
    } else {
        format!("{}{}{label}{}", glyphs.left, line(after), line(before))
    };
    let lives: Vec<char> = lifelines(look).collect();
    let left: String = lives.iter().take(low.saturating_add(1)).collect();
    let right: String = lives.iter().skip(high).collect();
    format!("{left}{}{right}", look.paint(colour, &drawn))
}

fn lifelines(look: Look) -> impl Iterator<Item = char> {
    let life = look.glyphs().life;
    (0..LADDER).map(move |at| if at % STRIDE == 0 { life } else { ' ' })
}

/// The parties' names, each over the middle of its lifeline.
fn names() -> String {
    let mut line = format!("{:>TIME$}", "ms");
    for party in Party::ALL {
        let middle = TIME.saturating_add(MARGIN).saturating_add(column(party));
        let start = middle.saturating_sub(party.name().len() / 2);
        line.push_str(&" ".repeat(start.saturating_sub(line.len())));
        line.push_str(party.name());
    }
    line
}

/// Decisions, and after them what is odd about the message.
fn remarks(step: &Step) -> Vec<String> {
    let mut remarks = step.decisions.clone();
    if step.again {
        remarks.push("sent again".to_owned());
    }
    if !step.crossed {
        remarks.push("seen at one end only".to_owned());
    }
    remarks
}

fn column(party: Party) -> usize {
    let at = Party::ALL.iter().position(|p| *p == party);
    at.unwrap_or_default().saturating_mul(STRIDE)
}

/// Lines of at most so many characters, broken between words where it can be.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let used = lines.last().map_or(0, |line| line.chars().count());
            let gap = usize::from(used > 0);
            let room = width.saturating_sub(used).saturating_sub(gap);
            if word.len() > room && used > 0 {
                lines.push(String::new());
                continue;
            }
            let rest = word.split_off(word.len().min(room.max(1)));
            if let Some(line) = lines.last_mut() {
                line.push_str(if gap == 1 { " " } else { "" });
                line.extend(word);
            }
            word = rest;
        }
    }
    lines
}

/// At most so many characters; what is cut off is marked.
fn cut(text: &str, width: usize, look: Look) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mark = look.glyphs().cut;
    let kept = width.saturating_sub(mark.chars().count());
    text.chars().take(kept).chain(mark.chars()).collect()
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

struct Glyphs {
    life: char,
    shaft: char,
    lost: char,
    right: char,
    left: char,
    bullet: &'static str,
    cut: &'static str,
}

impl Colour {
    const fn code(self) -> &'static str {
        match self {
            Self::Title => "1",
            Self::Faint => "2",
            Self::Request => "36",
            Self::Good => "32",
            Self::Bad => "33",
            Self::Decision => "35",
        }
    }
}

const UNICODE: Glyphs = Glyphs {
    life: '│',
    shaft: '─',
    lost: '╌',
    right: '▶',
    left: '◀',
    bullet: "↳",
    cut: "…",
};
const ASCII: Glyphs = Glyphs {
    life: '|',
    shaft: '-',
    lost: '.',
    right: '>',
    left: '<',
    bullet: "=",
    cut: "..",
};
/// Columns of the time, then of the blanks behind it.
const TIME: usize = 7;
const MARGIN: usize = 4;
/// From lifeline to lifeline; the longest usual method just fits between.
const STRIDE: usize = 14;
/// From the first lifeline to the last.
const LADDER: usize = 3 * STRIDE + 1;
/// Between the last lifeline and the text.
const GUTTER: usize = 3;
/// The text's columns.
const TEXT: usize = WIDTH - TIME - MARGIN - LADDER - GUTTER;
/// A remark's mark and the blank behind it.
const BULLET: usize = 2;
