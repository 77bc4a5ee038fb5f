//! Messages that the tests of several modules share.

/// An INVITE as a phone behind a proxy sends it, with two Vias on one line and two Routes on another.
pub(crate) const INVITE: &[u8] = b"INVITE sip:bob@example.com SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bKtop;rport, SIP/2.0/TCP [2001:db8::9]:5061;branch=z9hG4bKtwo\r\n\
v: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bKlast\r\n\
Max-Forwards: 70\r\n\
Route: <sip:a.example.com;lr>, <sip:b.example.com;lr>,<sip:c.example.com;lr>\r\n\
Record-Route: <sip:192.0.2.4;lr>\r\n\
f: \"Alice; \\\"A\\\" <1>\" <sip:alice@example.com;tag=no>;tag=9fxced76sl\r\n\
To: <sip:bob@example.com>\r\n\
Call-ID: 3848276298220188511@alice.example.com\r\n\
CSeq: 2 INVITE\r\n\
Contact: <sip:alice@192.0.2.4:5062>\r\n\
Supported: 100rel,\r\n  path,\r\n\ttimer\r\n\
Timestamp : 54\r\n\
X-Nothing:\r\n\
User-Agent:  Phone/1.0  \r\n\
Content-Type: application/sdp\r\n\
Content-Length: 7\r\n\
\r\n\
v=0\r\n\xff\x00";

/// A response through two proxies.
pub(crate) const RESPONSE: &[u8] = b"SIP/2.0 200 OK\r\n\
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours\r\n\
Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bKtop;received=192.0.2.4\r\n\
From: Alice <sip:alice@example.com>;tag=1\r\n\
To: Bob <sip:bob@example.com>;tag=2\r\n\
Call-ID: a@b\r\n\
CSeq: 2 INVITE\r\n\
Content-Length: 0\r\n\
\r\n";
