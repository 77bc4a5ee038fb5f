//! Messages as tests look at them.

/// A message as text, for asserting and for `Display`.
pub type Text = String;

/// The first value of a header line by its exact name, `None` if it is not there.
pub fn header<'t>(message: &'t str, name: &str) -> Option<&'t str> {
    all(message, name).next()
}

/// As [`header`], empty if it is not there.
pub fn header_of<'t>(message: &'t str, name: &str) -> &'t str {
    header(message, name).unwrap_or_default()
}

/// The status code of a response; 0 for a request.
pub fn status_of(message: &str) -> u16 {
    message
        .strip_prefix("SIP/2.0 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}

/// All values of a header's lines, in order.
pub(crate) fn all<'t>(message: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let head = message.split("\r\n\r\n").next().unwrap_or(message);
    head.split("\r\n").skip(1).filter_map(move |line| {
        let (own, value) = line.split_once(':')?;
        own.trim()
            .eq_ignore_ascii_case(name)
            .then_some(value.trim())
    })
}
