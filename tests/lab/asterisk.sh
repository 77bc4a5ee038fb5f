#!/bin/sh
# asterisk.sh - a private Asterisk for tests, from the tree provision.sh made.
#
#   asterisk.sh run [MODE]      write the configuration and become Asterisk, in
#                               the foreground; ends with SIGTERM
#   asterisk.sh cli COMMAND...  one command on its console: asterisk.sh cli pjsip show contacts
#
# MODE says how the users 6001..6010 are known to Asterisk:
#   trusted  (default) no passwords: the user is taken from From, and only
#            requests that come from the proxy's address are taken. Each user
#            has one fixed contact: himself at the proxy
#   registered  as trusted, but the proxy registers each user here
#   digest   each user has a password (secret6001 ..) and registers here
#   trunk    one endpoint for all that comes from the proxy, which logs in as
#            trunk with the password secrettrunk; no users
#
# Environment (see common.sh for BELLHOP_LAB_DIR and LAB_RUN):
#   AST_BIND=127.0.0.1  AST_PORT=5070
#   AST_PROXY=127.0.0.2         the address that mode trusted believes
#   AST_CONTACT=127.0.0.2:5060  where mode trusted finds the users; URI
#                               parameters may follow: 127.0.0.2:5060;transport=tcp
#   AST_ALGORITHMS=MD5          what mode digest challenges with: MD5,SHA-256
#   AST_QUALIFY=0               seconds between two OPTIONS to each contact
#   AST_NONCE=32                seconds for which a nonce of mode digest is good
#   AST_SUPPORT_PATH=no         whether mode registered takes a Path (RFC 3327)
#   AST_MEDIA=AST_BIND          the address that its session descriptions name
#   AST_SESSION=1800            seconds of the session timers that mode trusted asks for
#   AST_PRACK=yes               100rel of mode trusted: no, yes, peer_supported, required
#   AST_WEBRTC=no               yes: the users of mode trusted are browsers, with DTLS-SRTP and ICE
#   AST_FIRST=6001  AST_LAST=6010  the users
#   AST_T1=500                  milliseconds of the timer T1
#   AST_CONNECTED=yes           whether mode trusted tells who is at the other end when that changes
#   AST_KEEP=no                 yes: what its database has outlives it
#   AST_RTP_START=20000  AST_RTP_END=20199
#   AST_CONFIG=                 a directory whose pjsip.conf and extensions.conf
#                               take the place of those made here
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/common.sh"

AST_BIND=${AST_BIND:-127.0.0.1}
AST_PORT=${AST_PORT:-5070}
AST_PROXY=${AST_PROXY:-127.0.0.2}
AST_CONTACT=${AST_CONTACT:-$AST_PROXY:5060}
AST_ALGORITHMS=${AST_ALGORITHMS:-MD5}
AST_NONCE=${AST_NONCE:-32}
AST_QUALIFY=${AST_QUALIFY:-0}
AST_SUPPORT_PATH=${AST_SUPPORT_PATH:-no}
AST_MEDIA=${AST_MEDIA:-$AST_BIND}
AST_SESSION=${AST_SESSION:-1800}
AST_PRACK=${AST_PRACK:-yes}
AST_FIRST=${AST_FIRST:-6001}
AST_LAST=${AST_LAST:-6010}
AST_RTP_START=${AST_RTP_START:-20000}
AST_RTP_END=${AST_RTP_END:-20199}
AST_CONFIG=${AST_CONFIG:-}
AST_KEEP=${AST_KEEP:-no}
AST_T1=${AST_T1:-500}
AST_CONNECTED=${AST_CONNECTED:-yes}
AST_WEBRTC=${AST_WEBRTC:-no}

lab_find_loader
RUN=$LAB_RUN/asterisk
# The control socket's name must fit into sun_path.
[ ${#RUN} -lt 85 ] || die "the path $RUN is too long for a socket, choose a shorter LAB_RUN"

fill() {                # fill TEMPLATE [EXT]: the template with its values
    # In Asterisk's files a bare ; begins a comment.
    contact=$(printf '%s' "$AST_CONTACT" | sed 's/;/\\\\;/g')
    sed -e "s|@EXT@|${2:-}|g" -e "s|@ROOT@|$LAB_ROOT|g" -e "s|@RUN@|$RUN|g" \
        -e "s|@MULTIARCH@|$LAB_MULTIARCH|g" -e "s|@BIND@|$AST_BIND|g" -e "s|@PORT@|$AST_PORT|g" \
        -e "s|@PROXY@|$AST_PROXY|g" -e "s|@CONTACT@|$contact|g" -e "s|@ALGORITHMS@|$AST_ALGORITHMS|g" \
        -e "s|@NONCE@|$AST_NONCE|g" -e "s|@QUALIFY@|$AST_QUALIFY|g" \
        -e "s|@SUPPORT_PATH@|$AST_SUPPORT_PATH|g" -e "s|@MEDIA@|$AST_MEDIA|g" \
        -e "s|@SESSION@|$AST_SESSION|g" -e "s|@T1@|$AST_T1|g" -e "s|@CONNECTED@|$AST_CONNECTED|g" -e "s|@TB@|$((64 * AST_T1))|g" \
        -e "s|@WEBRTC@|$AST_WEBRTC|g" -e "s|@PRACK@|$AST_PRACK|g" -e "s|@RTP_START@|$AST_RTP_START|g" -e "s|@RTP_END@|$AST_RTP_END|g" "$HERE/asterisk/$1"
}

configure() {
    case $1 in digest|registered|trunk|trusted) ;; *) die "MODE is trusted, registered, digest or trunk" ;; esac
    [ "$AST_KEEP" = yes ] && rm -rf "$RUN/etc" || rm -rf "$RUN"
    mkdir -p "$RUN/etc" "$RUN/lib/keys" "$RUN/run" "$RUN/log/cdr-csv" "$RUN/spool/voicemail/default"
    for t in asterisk modules logger rtp musiconhold indications pjproject extensions voicemail pjsip; do
        fill "$t.conf.in" > "$RUN/etc/$t.conf"
    done
    [ "$1" != trunk ] || AST_LAST=$AST_FIRST
    for e in $(seq "$AST_FIRST" "$AST_LAST"); do
        fill "endpoints.$1.conf.in" "$e" >> "$RUN/etc/pjsip.conf"
        echo "$e => $e,User $e" >> "$RUN/etc/voicemail.conf"
    done
    # Empty files keep modules that are linked in from complaining.
    for f in cdr cel manager udptl acl ccss dnsmgr features stasis codecs sorcery pjsip_notify http; do
        : > "$RUN/etc/$f.conf"
    done
    [ -z "$AST_CONFIG" ] || cp "$AST_CONFIG/pjsip.conf" "$AST_CONFIG/extensions.conf" "$RUN/etc/"
}

case ${1:-} in
run)
    configure "${2:-trusted}"
    lab_exec usr/sbin/asterisk -C "$RUN/etc/asterisk.conf" -f
    ;;
cli)
    shift
    lab_exec usr/sbin/asterisk -C "$RUN/etc/asterisk.conf" -rx "$*"
    ;;
*)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"
    exit 2
    ;;
esac
