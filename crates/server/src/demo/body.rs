//! The bodies that are sent: what a watched line does, what a call would sound like.

use std::net::SocketAddr;

/// Content-Type of [`dialog_info`].
pub(super) const DIALOG_INFO: &str = "application/dialog-info+xml";
/// Content-Type of [`sdp`].
pub(super) const SDP: &str = "application/sdp";

/// The whole state of line 700: one dialog in this state (RFC 4235 4).
pub(super) fn dialog_info(version: u32, state: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\r\n\
         <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" \
         state=\"full\" entity=\"sip:700@bellhop.test\">\r\n\
         <dialog id=\"700\"><state>{state}</state></dialog>\r\n\
         </dialog-info>\r\n"
    )
}

/// One stream of PCMU that nobody will listen to (RFC 8866 5, RFC 3551 6).
pub(super) fn sdp(at: SocketAddr) -> String {
    let ip = at.ip();
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )
}
