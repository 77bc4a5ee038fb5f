//! The messages that the cases are about, as common phones send them.

/// An INVITE with SDP from a phone, 1,031 octets.
pub(crate) const INVITE: &[u8] = b"INVITE sip:2001@pbx.example.com SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.44:5062;branch=z9hG4bK-524287-1---8c1d4e9f0a3b6d27;rport\r\n\
Max-Forwards: 70\r\n\
From: \"Alice Example\" <sip:1001@pbx.example.com>;tag=f9d2c1b7\r\n\
To: <sip:2001@pbx.example.com>\r\n\
Call-ID: 84712NzQ5ZGYxNGUxM2Q0YzJiYTk4NzY1\r\n\
CSeq: 1 INVITE\r\n\
Contact: <sip:1001@192.0.2.44:5062;transport=udp>\r\n\
Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE, UPDATE, PRACK\r\n\
Supported: replaces, 100rel, timer, norefersub\r\n\
Session-Expires: 1800\r\n\
Min-SE: 90\r\n\
Accept: application/sdp, application/dtmf-relay\r\n\
P-Preferred-Identity: <sip:1001@pbx.example.com>\r\n\
User-Agent: Deskphone 4.2.1\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 320\r\n\
\r\n\
v=0\r\n\
o=- 3905498113 3905498113 IN IP4 192.0.2.44\r\n\
s=call\r\n\
c=IN IP4 192.0.2.44\r\n\
t=0 0\r\n\
m=audio 40002 RTP/AVP 9 8 0 101\r\n\
a=rtcp:40003 IN IP4 192.0.2.44\r\n\
a=sendrecv\r\n\
a=rtpmap:9 G722/8000\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-16\r\n\
a=ptime:20\r\n\
a=ssrc:1914872 cname:desk\r\n";

/// The 200 to that INVITE as it comes back from the callee, through a proxy.
pub(crate) const OK: &[u8] = b"SIP/2.0 200 OK\r\n\
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKb7e151628aed2a6a;rport=5060;received=192.0.2.1\r\n\
Via: SIP/2.0/UDP 192.0.2.44:5062;branch=z9hG4bK-524287-1---8c1d4e9f0a3b6d27;rport=5062;received=192.0.2.44\r\n\
Record-Route: <sip:192.0.2.1:5060;lr>\r\n\
From: \"Alice Example\" <sip:1001@pbx.example.com>;tag=f9d2c1b7\r\n\
To: <sip:2001@pbx.example.com>;tag=as6a1b22c3\r\n\
Call-ID: 84712NzQ5ZGYxNGUxM2Q0YzJiYTk4NzY1\r\n\
CSeq: 1 INVITE\r\n\
Server: PBX 22.1\r\n\
Contact: <sip:2001@192.0.2.20:5060>\r\n\
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO\r\n\
Supported: replaces, timer\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 161\r\n\
\r\n\
v=0\r\n\
o=- 77120 77121 IN IP4 192.0.2.20\r\n\
s=pbx\r\n\
c=IN IP4 192.0.2.20\r\n\
t=0 0\r\n\
m=audio 18052 RTP/AVP 8 101\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\n";

/// A REGISTER without credentials, 361 octets.
pub(crate) const REGISTER: &[u8] = b"REGISTER sip:pbx.example.com SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.44:5062;branch=z9hG4bKnashds7kq1;rport\r\n\
Max-Forwards: 70\r\n\
From: <sip:1001@pbx.example.com>;tag=456248\r\n\
To: <sip:1001@pbx.example.com>\r\n\
Call-ID: 843817637684230@998sdasdh09\r\n\
CSeq: 1826 REGISTER\r\n\
Contact: <sip:1001@192.0.2.44:5062>\r\n\
Expires: 3600\r\n\
User-Agent: Deskphone 4.2.133\r\n\
Content-Length: 0\r\n\
\r\n";

/// The same with an answer to a challenge, 599 octets.
pub(crate) const AUTHORISED: &[u8] = b"REGISTER sip:pbx.example.com SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.44:5062;branch=z9hG4bKnashds7kq2;rport\r\n\
Max-Forwards: 70\r\n\
From: <sip:1001@pbx.example.com>;tag=456248\r\n\
To: <sip:1001@pbx.example.com>\r\n\
Call-ID: 843817637684230@998sdasdh09\r\n\
CSeq: 1827 REGISTER\r\n\
Contact: <sip:1001@192.0.2.44:5062>\r\n\
Authorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"AAABi1mQ2rcXhJ8u3o9pTA7fQzK1c2vNwXQ\", \
uri=\"sip:pbx.example.com\", response=\"6629fae49393a05397450978507c4ef1\", algorithm=MD5, \
cnonce=\"0a4f113b\", qop=auth, nc=00000001\r\n\
Expires: 3600\r\n\
User-Agent: Deskphone 4.2.133\r\n\
Content-Length: 0\r\n\
\r\n";
