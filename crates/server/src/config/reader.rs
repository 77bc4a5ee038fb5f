//! Reading a TOML document key by key. serde stops at the first thing it does not like; this walks
//! toml's spanned tree instead, so that every mistake of a file is reported, each with its line.
//!
//! A [`Section`] remembers the keys it was asked for: what is left at [`Section::finish`] is unknown.

use super::{
    json,
    lines::Lines,
    report::{At, Problem, Report, nearest},
    secret::SECRETS,
    units,
};
use std::{
    cell::RefCell,
    ops::{Range, RangeInclusive},
    path::Path,
    time::Duration,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// One table of the document, or the absence of one (then every key has its default).
pub(crate) struct Section<'a> {
    document: Document<'a>,
    table: Option<&'a DeTable<'a>>,
    at: At,
    asked: RefCell<Vec<&'static str>>,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field<T> {
    /// The value.
    pub(crate) value: T,
    /// Its place.
    pub(crate) at: At,
}

#[derive(Clone, Copy)]
struct Document<'a> {
    source: &'a str,
    lines: &'a Lines,
    report: &'a Report,
}

/// Reads `source` and hands its top table to `read`; what `read` says is the result, together with
/// all problems found. A document that is not TOML has only its syntax errors.
pub(crate) fn document<T>(
    file: &Path,
    source: &str,
    read: impl FnOnce(Section<'_>, &Report) -> T,
) -> (Option<T>, Vec<Problem>) {
    let report = Report::new(file);
    let (table, errors) = DeTable::parse_recoverable(source);
    let lines = Lines::of(source);
    let mut value = None;
    if errors.is_empty() {
        let document = Document {
            source,
            lines: &lines,
            report: &report,
        };
        let top = Section {
            document,
            table: Some(table.get_ref()),
            at: At::file(),
            asked: RefCell::default(),
        };
        value = Some(read(top, &report));
    }
    for error in errors {
        let line = error.span().map_or(0, |span| lines.at(&span));
        let at = At { line, ..At::file() };
        report.error(
            &at,
            format!("not TOML: {}", error.message().replace('\n', ", ")),
        );
    }
    (value, report.into_problems())
}

impl<'a> Section<'a> {
    /// Where this table stands.
    pub(crate) fn at(&self) -> &At {
        &self.at
    }

    /// Where `key` stands in this table, or would stand.
    pub(crate) fn at_key(&self, key: &str) -> At {
        match self.find(key) {
            Some(value) => self.place(key, value),
            None => At {
                line: self.at.line,
                key: self.path(key),
                value: None,
            },
        }
    }

    /// A string.
    pub(crate) fn text(&self, key: &'static str) -> Option<Field<&'a str>> {
        self.text_like(key, "a string")
    }

    /// A duration, as in "30s".
    pub(crate) fn duration(&self, key: &'static str) -> Option<Field<Duration>> {
        self.text_like(key, "a duration in quotes, as in \"30s\"")
            .and_then(|text| self.made(text, units::duration))
    }

    /// A size in bytes, as in "64KiB".
    pub(crate) fn size(&self, key: &'static str) -> Option<Field<usize>> {
        self.text_like(key, "a size in quotes, as in \"64KiB\"")
            .and_then(|text| self.made(text, units::size))
    }

    /// A string that `read` makes sense of; `read` gives the reason if it cannot.
    pub(crate) fn parsed<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Field<T>> {
        self.text(key).and_then(|text| self.made(text, read))
    }

    /// One of `choices`; a choice without a value belongs to the contract but not to this version.
    pub(crate) fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&str, Option<T>)],
    ) -> Option<Field<T>> {
        self.parsed(key, |word| {
            match choices.iter().find(|(name, _)| *name == word) {
                Some((_, Some(value))) => Ok(*value),
                found => {
                    let allowed = choices.iter().filter(|(_, value)| value.is_some());
                    let allowed = quoted(allowed.map(|(name, _)| *name));
                    let reason = if found.is_some() { LATER } else { "not known" };
                    Err(format!("{reason}; allowed: {allowed}"))
                }
            }
        })
    }

    /// A whole number within `range`.
    pub(crate) fn whole(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<Field<u64>> {
        let (value, at) = self.take(key)?;
        let DeValue::Integer(number) = value.get_ref() else {
            return self.wrong(&at, value, "a whole number");
        };
        match u64::from_str_radix(number.as_str(), number.radix()) {
            Ok(value) if range.contains(&value) => Some(Field { value, at }),
            _ => {
                let (low, high) = (range.start(), range.end());
                self.document
                    .report
                    .error(&at, format!("out of range; allowed: {low} to {high}"));
                None
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, key: &'static str) -> Option<Field<bool>> {
        let (value, at) = self.take(key)?;
        let DeValue::Boolean(flag) = value.get_ref() else {
            return self.wrong(&at, value, "true or false");
        };
        Some(Field { value: *flag, at })
    }

    /// A table as JSON text. Dates become strings.
    pub(crate) fn json(&self, key: &'static str) -> Option<String> {
        let (value, at) = self.take(key)?;
        match value.get_ref() {
            DeValue::Table(_) => Some(json::of(value.get_ref()).to_string()),
            _ => self.wrong(&at, value, "a table"),
        }
    }

    /// A list of strings; `None` if the key is absent or is no list.
    pub(crate) fn texts(&self, key: &'static str) -> Option<Field<Vec<Field<&'a str>>>> {
        let (value, at) = self.take(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            return self.wrong(&at, value, "a list of strings");
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = self.place(&format!("{key}[{index}]"), item);
            match item.get_ref() {
                DeValue::String(text) => texts.push(Field {
                    value: text.as_ref(),
                    at,
                }),
                _ => _ = self.wrong::<()>(&at, item, "a string"),
            }
        }
        Some(Field { value: texts, at })
    }

    /// A table; an empty one if it is absent.
    pub(crate) fn section(&self, key: &'static str) -> Section<'a> {
        self.optional_section(key).unwrap_or_else(|| {
            self.inner(
                None,
                At {
                    value: None,
                    ..self.at_key(key)
                },
            )
        })
    }

    /// A table, if it is there.
    pub(crate) fn optional_section(&self, key: &'static str) -> Option<Section<'a>> {
        let (value, at) = self.take(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(self.inner(Some(table), at.hidden())),
            _ => self.wrong(&at, value, "a table"),
        }
    }

    /// The tables of `[[key]]`, in order.
    pub(crate) fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some((value, at)) = self.take(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong::<()>(&at, value, &format!("a list of tables, written [[{key}]]"));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = self.place(&format!("{key}[{index}]"), item);
            match item.get_ref() {
                DeValue::Table(table) => sections.push(self.inner(Some(table), at.hidden())),
                _ => _ = self.wrong::<()>(&at, item, "a table"),
            }
        }
        sections
    }

    /// Whether `key` is there; asks nothing.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Whether `key` holds a table; asks nothing.
    pub(crate) fn has_table(&self, key: &str) -> bool {
        let value = self.find(key).map(Spanned::get_ref);
        matches!(value, Some(DeValue::Table(_)))
    }

    /// Reports the keys that nobody asked for.
    pub(crate) fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if asked.contains(&name) {
                continue;
            }
            let at = At {
                line: self.document.lines.at(&key.span()),
                key: self.path(name),
                value: None,
            };
            let hint = match nearest(name, asked.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("allowed here: {}", asked.join(", ")),
            };
            self.document
                .report
                .error(&at, format!("unknown key; {hint}"));
        }
    }

    fn text_like(&self, key: &'static str, wanted: &str) -> Option<Field<&'a str>> {
        let (value, at) = self.take(key)?;
        let DeValue::String(text) = value.get_ref() else {
            return self.wrong(&at, value, wanted);
        };
        Some(Field {
            value: text.as_ref(),
            at,
        })
    }

    fn made<T>(
        &self,
        Field { value, at }: Field<&str>,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Field<T>> {
        match read(value) {
            Ok(value) => Some(Field { value, at }),
            Err(reason) => {
                self.document.report.error(&at, reason);
                None
            }
        }
    }

    fn inner(&self, table: Option<&'a DeTable<'a>>, at: At) -> Section<'a> {
        Section {
            document: self.document,
            table,
            at,
            asked: RefCell::default(),
        }
    }

    fn find(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table?.get(key)
    }

    fn take(&self, key: &'static str) -> Option<(&'a Spanned<DeValue<'a>>, At)> {
        self.asked.borrow_mut().push(key);
        let value = self.find(key)?;
        Some((value, self.place(key, value)))
    }

    fn place(&self, key: &str, value: &Spanned<DeValue<'_>>) -> At {
        let span = value.span();
        let shown = !SECRETS.contains(&key);
        At {
            line: self.document.lines.at(&span),
            key: self.path(key),
            value: shown.then(|| excerpt(self.document.source, &span)),
        }
    }

    fn path(&self, key: &str) -> String {
        match self.at.key.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    fn wrong<T>(&self, at: &At, value: &Spanned<DeValue<'_>>, wanted: &str) -> Option<T> {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let nested = matches!(value.get_ref(), DeValue::Array(_) | DeValue::Table(_));
        let at = if nested {
            at.clone().hidden()
        } else {
            at.clone()
        };
        self.document
            .report
            .error(&at, format!("is {found}, must be {wanted}"));
        None
    }
}

/// `"a", "b"`.
pub(crate) fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.map(|word| format!("{word:?}")).collect();
    words.join(", ")
}

fn excerpt(source: &str, span: &Range<usize>) -> String {
    let text = source.get(span.clone()).unwrap_or_default();
    let mut short: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if short.chars().count() > EXCERPT {
        short = short.chars().take(EXCERPT).collect();
        short.push_str("...");
    }
    short
}

/// The mark of what the contract promises for a later version.
pub(crate) const LATER: &str = "not in this version";
/// Characters of a value shown in a message.
const EXCERPT: usize = 60;
