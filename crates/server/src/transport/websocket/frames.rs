//! Frames (RFC 6455 5): a client's are read, ours are written. Heads are tungstenite's to read; what they may say, and
//! how much may be held for them, is judged here.

use std::{fmt, io::Cursor};
use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{CloseCode, Control, Data, OpCode},
};

/// Why a WebSocket cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// RFC 6455 is broken.
    Protocol(&'static str),
    /// A message of text is not UTF-8 (5.6).
    NotText,
    /// A message is longer than messages may be.
    TooLong,
}

/// What a frame came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard<'m> {
    /// A message is whole.
    Message(&'m [u8]),
    /// A message goes on.
    Part,
    /// To be answered with the same data.
    Ping(Vec<u8>),
    Pong,
    Close(CloseCode),
}

/// Reads the frames of a client.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The message, as far as it has come; when it is whole, until the next octets are looked at.
    message: Vec<u8>,
    /// What kind of message has begun and not ended.
    amid: Option<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Binary,
}

impl Reader {
    /// Looks at the frame at the head of the octets: what it came to and how many octets it took; `None`: it is not whole.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn next(
        &mut self,
        octets: &[u8],
        most: usize,
    ) -> Result<Option<(Heard<'_>, usize)>, Fault> {
        if self.amid.is_none() {
            // The last message has been served; one who is silent holds nothing.
            self.message = Vec::new();
        }
        let mut cursor = Cursor::new(octets);
        let read = FrameHeader::parse(&mut cursor);
        let Some((head, length)) = read.map_err(|_| Fault::Protocol("an opcode that is none"))?
        else {
            return Ok(None);
        };
        // All that is judged of a frame is judged by its head, before any of its data is waited for.
        self.judge(&head, length)?;
        let length = usize::try_from(length).map_err(|_| Fault::TooLong)?;
        if length > most.saturating_sub(self.message.len()) && !is_control(&head) {
            return Err(Fault::TooLong);
        }
        let from = usize::try_from(cursor.position()).map_err(|_| Fault::TooLong)?;
        let end = from.saturating_add(length);
        let (Some(data), Some(mask)) = (octets.get(from..end), head.mask) else {
            return Ok(None);
        };
        let data = data.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b);
        let heard = match head.opcode {
            OpCode::Control(control) => heard(control, data.collect())?,
            OpCode::Data(kind) => {
                self.message.extend(data);
                self.heard(kind, head.is_final)?
            }
        };
        Ok(Some((heard, end)))
    }

    /// Whether a message has begun and not ended.
    pub(super) const fn is_amid(&self) -> bool {
        self.amid.is_some()
    }

    /// Octets that are held for it.
    pub(super) fn held(&self) -> usize {
        match self.amid {
            Some(_) => self.message.capacity(),
            None => 0,
        }
    }

    fn judge(&self, head: &FrameHeader, length: u64) -> Result<(), Fault> {
        let fault = if head.rsv1 || head.rsv2 || head.rsv3 {
            // 5.2: no extension was agreed on.
            "a reserved bit is set"
        } else if head.mask.is_none() {
            "a frame of a client is not masked"
        } else {
            match (head.opcode, self.amid) {
                (OpCode::Control(_), _) if length > MOST_OF_CONTROL => {
                    "a control frame is too long"
                }
                (OpCode::Control(_), _) if !head.is_final => "a control frame is in fragments",
                (OpCode::Data(Data::Continue), None) => "nothing is to be continued",
                (OpCode::Data(Data::Text | Data::Binary), Some(_)) => {
                    "a message begins before the last has ended"
                }
                _ => return Ok(()),
            }
        };
        Err(Fault::Protocol(fault))
    }

    /// Data of this kind has come; whether it was the last of its message.
    fn heard(&mut self, kind: Data, is_final: bool) -> Result<Heard<'_>, Fault> {
        let kind = match (kind, self.amid) {
            (Data::Text, _) => Kind::Text,
            (Data::Continue, Some(kind)) => kind,
            _ => Kind::Binary,
        };
        if !is_final {
            self.amid = Some(kind);
            return Ok(Heard::Part);
        }
        self.amid = None;
        if kind == Kind::Text && std::str::from_utf8(&self.message).is_err() {
            return Err(Fault::NotText);
        }
        Ok(Heard::Message(&self.message))
    }
}

impl Fault {
    /// As a Close says it (7.4.1).
    pub(super) const fn code(self) -> CloseCode {
        match self {
            Self::Protocol(_) => CloseCode::Protocol,
            Self::NotText => CloseCode::Invalid,
            Self::TooLong => CloseCode::Size,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol(what) => what,
            Self::NotText => "text that is not UTF-8",
            Self::TooLong => "a message that is too long",
        })
    }
}

/// Appends a message as one frame: as text where it is text, which is all that a browser's script reads without ado, else as
/// octets (RFC 7118 5: both are taken).
pub(in crate::transport) fn write(message: &[u8], out: &mut Vec<u8>) {
    let kind = match std::str::from_utf8(message) {
        Ok(_) => Data::Text,
        Err(_) => Data::Binary,
    };
    frame(OpCode::Data(kind), message, out);
}

/// A control frame.
pub(super) fn control(kind: Control, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len().saturating_add(2));
    frame(OpCode::Control(kind), data, &mut out);
    out
}

/// Appends a frame; a server's are not masked (5.1).
fn frame(opcode: OpCode, data: &[u8], out: &mut Vec<u8>) {
    let head = FrameHeader {
        is_final: true,
        opcode,
        mask: None,
        ..FrameHeader::default()
    };
    // A Vec takes all.
    let _ = head.format(data.len() as u64, out);
    out.extend_from_slice(data);
}

const fn is_control(head: &FrameHeader) -> bool {
    matches!(head.opcode, OpCode::Control(_))
}

fn heard(control: Control, data: Vec<u8>) -> Result<Heard<'static>, Fault> {
    Ok(match control {
        Control::Ping => Heard::Ping(data),
        Control::Pong => Heard::Pong,
        Control::Close => Heard::Close(code(&data)?),
        Control::Reserved(_) => return Err(Fault::Protocol("an opcode that is none")),
    })
}

/// The code of a Close (5.5.1, 7.4).
fn code(data: &[u8]) -> Result<CloseCode, Fault> {
    let wrong = Fault::Protocol("a Close that cannot be read");
    match data {
        [] => Ok(CloseCode::Status),
        [high, low, reason @ ..] if std::str::from_utf8(reason).is_ok() => {
            let code = CloseCode::from(u16::from_be_bytes([*high, *low]));
            code.is_allowed().then_some(code).ok_or(wrong)
        }
        _ => Err(wrong),
    }
}

/// Octets of data in a control frame (5.5).
const MOST_OF_CONTROL: u64 = 125;
