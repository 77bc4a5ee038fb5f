//! Texts of a configuration with places in braces: `sip:{user}@backup.example`.

/// The text with each `{name}` replaced by what `value` gives; a name that it does not know stays as
/// written.
pub fn fill(text: &str, mut value: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let filled = after.split_once('}').and_then(|(name, behind)| {
            let text = value(name)?;
            Some((text, behind))
        });
        match filled {
            Some((text, behind)) => {
                out.push_str(&text);
                rest = behind;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// What may stand in the braces of a header value: of the message's source and summary.
pub fn of_message(name: &str, source: &crate::Source, summary: &crate::Summary) -> Option<String> {
    let text = match name {
        "address" => source.address.as_str(),
        "zone" => &source.zone,
        "listener" => &source.listener,
        "user" => source.authenticated_user.as_deref().unwrap_or_default(),
        "method" => &summary.method,
        "from" => &summary.from_uri,
        "to" => &summary.to_uri,
        "ruri" => &summary.ruri,
        "call-id" => &summary.call_id,
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_filled_and_others_stay() {
        let value = |name: &str| (name == "a").then(|| "{a}".to_owned());
        assert_eq!(fill("x{a}y{b}{a}{", value), "x{a}y{b}{a}{");
        assert_eq!(fill("", value), "");
        assert_eq!(fill("{a", value), "{a");
        let one = |_: &str| Some("1".to_owned());
        assert_eq!(fill("{a}{b}", one), "11");
    }
}
