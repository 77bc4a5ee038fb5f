//! Just enough of Rust's lexical grammar to tell code from comments and
//! literals, so that a rule about code is not broken by a sentence about it.

/// Splits a source into its code and its comments, both as long in lines as
/// the source. Comments and the insides of string and character literals are
/// blank in the code.
pub(super) fn split(text: &str) -> (String, String) {
    let mut out = Out::default();
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let (kind, length) = token(rest, first, before);
        let (piece, tail) = rest.split_at_checked(length).unwrap_or((rest, ""));
        out.push(piece, kind);
        before = piece.chars().next_back().unwrap_or(' ');
        rest = tail;
    }
    (out.code, out.comments)
}

/// Does this line of code name `word` (a path such as `Instant::now`), not as
/// a part of a longer identifier?
pub(super) fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, found)| {
        let before = line.get(..at).and_then(|s| s.chars().next_back());
        let after = line
            .get(at.saturating_add(found.len())..)
            .and_then(|s| s.chars().next());
        !before.is_some_and(is_ident) && !after.is_some_and(is_ident)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

#[derive(Default)]
struct Out {
    code: String,
    comments: String,
}

impl Out {
    fn push(&mut self, piece: &str, kind: Kind) {
        for c in piece.chars() {
            let blank = if c == '\n' { '\n' } else { ' ' };
            self.code.push(if kind == Kind::Code { c } else { blank });
            self.comments
                .push(if kind == Kind::Comment { c } else { blank });
        }
    }
}

/// The token at the start of `rest`: its kind and its length in bytes.
fn token(rest: &str, first: char, before: char) -> (Kind, usize) {
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, block_comment(rest));
    }
    if first == '"' {
        return (Kind::Literal, quoted(rest, '"'));
    }
    if first == '\'' && is_char_literal(rest) {
        return (Kind::Literal, quoted(rest, '\''));
    }
    if !is_ident(before)
        && let Some(length) = raw_string(rest)
    {
        return (Kind::Literal, length);
    }
    (Kind::Code, first.len_utf8())
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0_usize;
    while let Some(tail) = rest.get(at..) {
        if tail.starts_with("/*") {
            depth = depth.saturating_add(1);
            at = at.saturating_add(2);
        } else if tail.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at = at.saturating_add(2);
            if depth == 0 {
                return at;
            }
        } else if let Some(c) = tail.chars().next() {
            at = at.saturating_add(c.len_utf8());
        } else {
            break;
        }
    }
    rest.len()
}

fn quoted(rest: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == mark => return at.saturating_add(1),
            _ => {}
        }
    }
    rest.len()
}

/// `'a'` and `'\n'` are characters, `'a` alone is a lifetime.
fn is_char_literal(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => true,
        (Some(_), Some(second)) => second == '\'',
        _ => false,
    }
}

/// The length of a raw (byte) string at the start of `rest`, if one is there.
fn raw_string(rest: &str) -> Option<usize> {
    let body = ["r", "br", "cr"]
        .iter()
        .find_map(|p| rest.strip_prefix(p))?;
    let hashes = body
        .len()
        .saturating_sub(body.trim_start_matches('#').len());
    let inside = body.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let opening = rest.len().saturating_sub(inside.len());
    let length = inside.find(&end)?.saturating_add(end.len());
    Some(opening.saturating_add(length))
}

fn is_ident(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_not_code() {
        let (code, comments) = split("a(); // b()\n/* c() /* d() */ e() */ f();\n");
        assert_eq!(
            code.split_whitespace().collect::<Vec<_>>(),
            ["a();", "f();"]
        );
        assert!(comments.contains("// b()") && comments.contains("e() */"));
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn the_inside_of_a_literal_is_not_code() {
        let source = "x(\"y() \\\" z()\", r#\"p() \" q()\"#, b\"r()\", '\"', '\\'') ; s()";
        let (code, _) = split(source);
        for name in ["y", "z", "p", "q"] {
            assert!(!names(&code, name), "{name} in {code}");
        }
        assert!(names(&code, "x") && names(&code, "s"));
    }

    #[test]
    fn a_lifetime_does_not_open_a_character() {
        let (code, _) = split("fn f<'a>(x: &'a str) { g() } // 'x'");
        assert!(names(&code, "g"));
    }

    #[test]
    fn a_longer_identifier_is_another_name() {
        assert!(names("std::thread::sleep(d)", "thread::sleep"));
        assert!(!names("sleep_until(d)", "sleep"));
        assert!(!names("MyInstant::now()", "Instant::now"));
    }
}
