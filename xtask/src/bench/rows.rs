//! The rows of the bench: what is sent, how often, and what each server is told to do with it.

/// One flow at one rate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// As `--rows` names it.
    pub(super) name: &'static str,
    /// As the table names it.
    pub(super) title: &'static str,
    /// Transactions, calls or subscriptions a second.
    pub(super) rate: u32,
    /// Messages in and out of the server for one of them.
    pub(super) messages: u32,
    /// storm's arguments that make the flow.
    pub(super) storm: &'static [&'static str],
    /// The file below `bench/bellhop` and `bench/kamailio`, without its extension.
    pub(super) config: &'static str,
    /// What `plugins/guests/toll` does to each message that Bellhop asks it about; Kamailio has no script
    /// of that kind. `None`: there is no plugin.
    pub(super) plugin: Option<&'static str>,
    /// Whether the thousand users are registered first, from the answerer's address.
    pub(super) registers_first: bool,
    /// Where the search for the greatest rate begins; `None`: a row of a like flow has it.
    pub(super) search_from: Option<u32>,
}

/// Every row, in the table's order.
pub(super) const ROWS: [Row; 15] = [
    Row {
        name: "register-4000",
        title: "REGISTER, 401, REGISTER, 200",
        rate: 4_000,
        messages: 4,
        storm: REGISTER,
        config: "register",
        plugin: None,
        registers_first: false,
        search_from: None,
    },
    Row {
        name: "register-12000",
        title: "REGISTER, 401, REGISTER, 200",
        rate: 12_000,
        messages: 4,
        storm: REGISTER,
        config: "register",
        plugin: None,
        registers_first: false,
        search_from: Some(12_000),
    },
    Row {
        name: "refresh-8000",
        title: "refresh: REGISTER, 200 (nc checked)",
        rate: 8_000,
        messages: 2,
        storm: REFRESH,
        config: "register",
        plugin: None,
        registers_first: false,
        search_from: None,
    },
    Row {
        name: "refresh-20000",
        title: "refresh: REGISTER, 200 (nc checked)",
        rate: 20_000,
        messages: 2,
        storm: REFRESH,
        config: "register",
        plugin: None,
        registers_first: false,
        search_from: Some(20_000),
    },
    Row {
        name: "call",
        title: "call, INVITE to BYE",
        rate: 2_500,
        messages: 13,
        storm: CALL,
        config: "proxy",
        plugin: None,
        registers_first: false,
        search_from: Some(3_000),
    },
    Row {
        name: "call-auth",
        title: "call with 407",
        rate: 2_500,
        messages: 16,
        storm: CALL,
        config: "proxy-auth",
        plugin: None,
        registers_first: false,
        search_from: None,
    },
    Row {
        name: "call-registered",
        title: "call to a registered user",
        rate: 2_500,
        messages: 13,
        storm: CALL,
        config: "location-proxy",
        plugin: None,
        registers_first: true,
        search_from: None,
    },
    Row {
        name: "call-b2bua",
        title: "call; Bellhop makes it two dialogs, Kamailio relays",
        rate: 2_500,
        messages: 13,
        storm: CALL,
        config: "b2bua",
        plugin: None,
        registers_first: false,
        search_from: None,
    },
    Row {
        name: "subscribe",
        title: "SUBSCRIBE, 200, NOTIFY, 200",
        rate: 4_000,
        messages: 8,
        storm: &["subscribe"],
        config: "proxy",
        plugin: None,
        registers_first: false,
        search_from: Some(5_000),
    },
    Row {
        name: "subscribe-shared",
        title: "SUBSCRIBE, 200, NOTIFY, 200; Bellhop answers itself, Kamailio relays",
        rate: 4_000,
        messages: 4,
        storm: &["subscribe"],
        config: "share",
        plugin: None,
        registers_first: false,
        search_from: None,
    },
    Row {
        name: "fanout",
        title: "NOTIFY, 200 of one of 100 watchers; Bellhop gets one for all, Kamailio one for each",
        rate: 4_000,
        messages: 2,
        storm: FANOUT,
        config: "share",
        plugin: None,
        registers_first: false,
        search_from: None,
    },
    Row {
        name: "options",
        title: "OPTIONS relayed",
        rate: 6_000,
        messages: 4,
        storm: &["options"],
        config: "proxy",
        plugin: None,
        registers_first: false,
        search_from: None,
    },
    Row {
        name: "register-plugin",
        title: "REGISTER, 401, REGISTER, 200; Bellhop with a plugin (summary, edit)",
        rate: 12_000,
        messages: 4,
        storm: REGISTER,
        config: "register",
        plugin: Some("edit"),
        registers_first: false,
        search_from: None,
    },
    Row {
        name: "call-plugin",
        title: "call; Bellhop with a plugin (summary, edit)",
        rate: 2_500,
        messages: 13,
        storm: CALL,
        config: "proxy",
        plugin: Some("edit"),
        registers_first: false,
        search_from: None,
    },
    Row {
        name: "call-store",
        title: "call; Bellhop with a plugin (summary, store)",
        rate: 2_500,
        messages: 13,
        storm: CALL,
        config: "proxy",
        plugin: Some("store"),
        registers_first: false,
        search_from: None,
    },
];

/// What `--rows` may name besides the rows: the memory of bindings.
pub(super) const MEMORY: &str = "memory";

/// Whether a word of `--rows` means the row or [`MEMORY`]: its name, or the name's part before the
/// rate, as `register` for both rows of that flow.
pub(super) fn means(word: &str, name: &str) -> bool {
    let flow = name.trim_end_matches(|c: char| c.is_ascii_digit());
    word == name || flow.strip_suffix('-') == Some(word)
}

const REGISTER: &[&str] = &["register"];
const REFRESH: &[&str] = &["register", "--refresh"];
const CALL: &[&str] = &["call"];
const FANOUT: &[&str] = &[
    "fanout",
    "--sockets",
    "100",
    "--ruri",
    "sip:hall@127.99.0.1",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_means_all_its_rates_and_a_name_only_itself() {
        let all = |word: &str| {
            let meant = ROWS.iter().filter(|row| means(word, row.name));
            meant.map(|row| row.name).collect::<Vec<_>>()
        };
        assert_eq!(all("register"), ["register-4000", "register-12000"]);
        assert_eq!(all("refresh-8000"), ["refresh-8000"]);
        assert_eq!(all("call"), ["call"]);
        assert_eq!(all("nothing"), [""; 0]);
    }

    #[test]
    fn every_row_has_its_two_configurations() {
        let bench = crate::root().join("bench");
        for row in &ROWS {
            for file in [
                format!("bellhop/{}.toml", row.config),
                format!("kamailio/{}.cfg", row.config),
            ] {
                assert!(bench.join(&file).is_file(), "{file}");
            }
        }
    }
}
