//! `[cdr]`: where a record of each call of two legs is written.

use super::{
    reader::{Field, Section},
    report::Report,
    route::RELAYED,
    secret::beside,
};
use std::path::{Path, PathBuf};

/// Reads `[cdr]`; `None`: nowhere.
pub(super) fn read(
    top: &Section<'_>,
    report: &Report,
    file: &Path,
    has_calls: bool,
) -> Option<PathBuf> {
    let section = top.optional_section("cdr")?;
    let named = section.text("file");
    section.finish();
    let allowed = "allowed: file = \"/var/log/bellhop/calls.jsonl\"";
    match named {
        Some(Field { value: "", at }) => {
            report.error(&at, format!("is empty; {allowed}"));
            None
        }
        Some(Field { value, at }) => {
            if !has_calls {
                report.warn(&at, RELAYED);
            }
            Some(beside(file, value))
        }
        None => {
            if !section.has("file") {
                report.error(section.at(), format!("has no file; {allowed}"));
            }
            None
        }
    }
}
