//! One request of the matrix: what its credentials say, and what it is to be answered by the letter.

use bellhop_core::auth::Algorithm;
use bellhop_testkit::Chance;

/// All methods, and one that nobody knows.
pub(crate) const METHODS: [&str; 15] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "REGISTER",
    "OPTIONS",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "INFO",
    "REFER",
    "MESSAGE",
    "UPDATE",
    "PRACK",
    "BREW",
];

/// The nonce that is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Nonce {
    Ours,
    OfAnotherSource,
    TooOld,
    MadeUp,
    Used,
    Empty,
}

/// What stands beside the credentials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Beside {
    Nothing,
    Copy,
    ForeignRealm,
    OtherScheme,
    Unreadable,
}

/// One request: what its credentials say. The default is a good one.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) method: &'static str,
    pub(crate) to_tag: &'static str,
    pub(crate) has_credentials: bool,
    pub(crate) in_other_header: bool,
    pub(crate) realm: &'static str,
    pub(crate) username: &'static str,
    pub(crate) is_password_right: bool,
    pub(crate) algorithm: Algorithm,
    pub(crate) algorithm_text: Option<&'static str>,
    pub(crate) qop: &'static str,
    pub(crate) nc: &'static str,
    pub(crate) nonce: Nonce,
    pub(crate) beside: Beside,
}

impl Case {
    pub(crate) fn good(method: &'static str) -> Self {
        Self {
            method,
            to_tag: "",
            has_credentials: true,
            in_other_header: false,
            realm: "example.org",
            username: "6001",
            is_password_right: true,
            algorithm: Algorithm::Sha256,
            algorithm_text: None,
            qop: ", qop=auth",
            nc: "00000001",
            nonce: Nonce::Ours,
            beside: Beside::Nothing,
        }
    }

    /// The n-th: first each fault alone for each method, then with others by chance.
    pub(crate) fn made(n: usize, chance: &mut Chance) -> Self {
        let mut case = Self::good(METHODS[n % METHODS.len()]);
        case.algorithm = [Algorithm::Sha256, Algorithm::Md5][chance.below(2) as usize];
        case.to_tag = ["", ";tag=", ";tag=1", ";tag=6f5e4d3c2b1a0918"][chance.below(4) as usize];
        case.fault((n / METHODS.len()) as u64 % FAULTS);
        let more = if n < METHODS.len() * FAULTS as usize {
            0
        } else {
            chance.below(3)
        };
        for _ in 0..more {
            case.fault(chance.below(FAULTS));
        }
        case
    }

    fn fault(&mut self, which: u64) {
        match which {
            0 => self.has_credentials = false,
            1 => self.in_other_header = true,
            2 => self.realm = "elsewhere.test",
            3 => self.realm = "EXAMPLE.org",
            4 => self.username = "nobody",
            5 => self.username = "6002",
            6 => self.is_password_right = false,
            7 => self.algorithm = Algorithm::Sha512_256,
            8 => self.algorithm_text = Some("MD5-sess"),
            9 => self.algorithm_text = Some("token"),
            10 => self.qop = "",
            11 => self.qop = ", qop=auth-conf",
            12 => self.nc = "00000000",
            13 => self.nc = "1",
            14 => self.nonce = Nonce::OfAnotherSource,
            15 => self.nonce = Nonce::TooOld,
            16 => self.nonce = Nonce::MadeUp,
            17 => self.nonce = Nonce::Used,
            18 => self.nonce = Nonce::Empty,
            19 => self.beside = Beside::Copy,
            _ => self.beside = Beside::Unreadable,
        }
        // Beside what is wrong already, what would be harmless alone.
        if self.beside == Beside::Nothing && which.is_multiple_of(3) {
            self.beside = [Beside::ForeignRealm, Beside::OtherScheme][(which % 2) as usize];
        }
    }

    /// What it is to be answered, by the order in which RFC 7616 3.4 can be checked without telling
    /// more than has been proved: status, and whether it is called stale.
    pub(crate) fn expected(&self) -> Expected {
        let challenge = if self.method == "REGISTER" { 401 } else { 407 };
        let asked = Expected::Answer(challenge, false);
        match self.method {
            // 22.1: neither can be challenged; 9.2: no INVITE to cancel.
            "ACK" => return Expected::Silence,
            "CANCEL" => return Expected::Answer(481, false),
            _ => {}
        }
        let is_ours = self.realm == "example.org";
        if self.in_other_header {
            return asked;
        }
        if self.beside == Beside::Unreadable {
            return Expected::Answer(400, false);
        }
        if !self.has_credentials {
            return asked;
        }
        if self.beside == Beside::Copy && is_ours {
            return Expected::Answer(400, false);
        }
        let is_known_algorithm =
            self.algorithm_text.is_none() && self.algorithm != Algorithm::Sha512_256;
        if !is_ours || self.nonce == Nonce::Empty || !is_known_algorithm || self.qop != ", qop=auth"
        {
            return asked;
        }
        if self.nc != "00000001" {
            return Expected::Answer(400, false);
        }
        if !self.is_password_right || self.username == "nobody" {
            return asked;
        }
        if self.nonce != Nonce::Ours {
            return Expected::Answer(challenge, true);
        }
        // Somebody, but not who he says he is (10.3 step 4, 16.3 step 6).
        if self.username == "6002" {
            return Expected::Answer(403, false);
        }
        Expected::Served
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expected {
    Silence,
    Answer(u16, bool),
    Served,
}

const FAULTS: u64 = 21;
