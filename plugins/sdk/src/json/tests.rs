//! What is read, and what is refused where.

use super::*;

#[test]
fn a_document_is_read() {
    let json = Json::parse(
        r#" {"a": [1, -2.5e1, true, null], "b": {"c": "\u00e9\n\ud83d\ude00"}, "a2": ""} "#,
    );
    let json = json.unwrap();
    let numbers: Vec<_> = json.get("a").unwrap().items().to_vec();
    assert_eq!(
        numbers,
        [
            Json::Number(1.0),
            Json::Number(-25.0),
            Json::Bool(true),
            Json::Null
        ]
    );
    let text = json.get("b").and_then(|b| b.get("c")).unwrap();
    assert_eq!(text.as_str(), Some("é\n😀"));
}

#[test]
fn what_is_no_json_is_refused_where_it_breaks() {
    for (text, at) in [
        ("", 0),
        ("{", 1),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("{\"a\" 1}", 5),
        ("01", 0),
        ("1.", 0),
        ("nul", 0),
        ("\"a", 2),
        ("\"\n\"", 2),
        ("true x", 5),
        ("\"\\ud800\"", 7),
        ("{a:1}", 1),
    ] {
        assert_eq!(
            Json::parse(text).map_err(|error| error.at),
            Err(at),
            "{text}"
        );
    }
}

#[test]
fn a_document_of_a_thousand_brackets_is_refused() {
    assert!(Json::parse(&"[".repeat(1000)).is_err());
    let deep = format!("{}{}", "[".repeat(64), "]".repeat(64));
    assert!(Json::parse(&deep).is_ok());
}

#[test]
fn a_number_is_what_the_standard_library_reads() {
    for text in [
        "0",
        "-0.5",
        "0.1",
        "12.75",
        "3e2",
        "1.5E-3",
        "9007199254740992",
        "1000000",
    ] {
        let json = Json::parse(text).unwrap();
        assert_eq!(json.as_f64(), text.parse().ok(), "{text}");
    }
    for text in ["1e400", "1e", "1e+-2", "--1", "+1", ".5", "1e99999999999"] {
        assert!(Json::parse(text).is_err(), "{text}");
    }
}

#[test]
fn only_a_whole_number_is_an_integer() {
    assert_eq!(Json::Number(300.0).as_i64(), Some(300));
    assert_eq!(Json::Number(0.5).as_i64(), None);
    assert_eq!(Json::Number(1e300).as_i64(), None);
}

#[test]
fn a_quoted_text_reads_back() {
    for text in ["", "a\"b\\c", "line\r\n\u{1}", "é😀"] {
        let json = Json::parse(&quoted(text));
        assert_eq!(json, Ok(Json::String(text.to_owned())), "{text:?}");
    }
}
