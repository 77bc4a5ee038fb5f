#!/bin/sh
# kamailio.sh - a private Kamailio for tests, from the tree that
# `provision.sh kamailio` made: it tells what it reads in a request's headers, or
# challenges every request, those inside dialogs for a realm of their own, or is
# a presence server, which tells everybody (presence; late: before its answers
# come) or whom its users allow (judges).
#
#   kamailio.sh run      write the configuration and become Kamailio, in the
#                        foreground; ends with SIGTERM
#
# Environment (see common.sh for BELLHOP_LAB_DIR and LAB_RUN):
#   KAM_BIND=127.0.0.1  KAM_PORT=5075  KAM_DOES=reads (or challenges, presence, late, judges)
#   KAM_KEEPS=0  1: its subscriptions are in its tables, too
#   KAM_AGAIN=0  1: go on with the tables that are there
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/common.sh"

LAB_ROOT=$LAB_DIR/kamailio
KAM_BIND=${KAM_BIND:-127.0.0.1}
KAM_PORT=${KAM_PORT:-5075}
KAM_DOES=${KAM_DOES:-reads}
KAM_KEEPS=${KAM_KEEPS:-0}
KAM_AGAIN=${KAM_AGAIN:-0}

case ${1:-} in
run)
    lab_find_loader
    RUN=$LAB_RUN/kamailio
    if [ "$KAM_AGAIN" = 0 ]; then
        rm -rf "$RUN"
        mkdir -p "$RUN/db"
        cp "$LAB_ROOT"/usr/share/kamailio/dbtext/kamailio/* "$RUN/db/"
    fi
    sed -e "s|@BIND@|$KAM_BIND|g" -e "s|@PORT@|$KAM_PORT|g" -e "s|@RUN@|$RUN|g" -e "s|@KEEPS@|$KAM_KEEPS|g" "$HERE/kamailio/$KAM_DOES.cfg.in" > "$RUN/kamailio.cfg"
    # -DD: in the foreground. -L modules, -Y run-time directory, -E: log to standard error.
    lab_exec usr/sbin/kamailio -f "$RUN/kamailio.cfg" -L "$LAB_LIBDIR/kamailio/modules/" \
        -Y "$RUN" -w "$RUN" -m 32 -M 4 -E -DD
    ;;
*)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"
    exit 2
    ;;
esac
