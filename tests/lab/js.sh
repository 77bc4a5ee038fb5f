#!/bin/sh
# js.sh - fetch the phones of browsers, JsSIP and SIP.js, from the npm registry into
# the lab: js/package-lock.json says which, and their hashes. Nothing of theirs is run.
#
# BELLHOP_LAB_DIR  where to put it    (default .lab in the repository)
#
# Running it again does nothing when the same set is already there.
set -eu
. "$(dirname "$0")/common.sh"

HERE=$(cd "$(dirname "$0")" && pwd)/js
INTO=$LAB_DIR/js
if cmp -s "$HERE/package-lock.json" "$INTO/provisioned"; then
    say "already there: $INTO"
    exit 0
fi
command -v node >/dev/null || die "node is not here"
command -v npm >/dev/null || die "npm is not here"
rm -rf "$INTO"
mkdir -p "$INTO"
cp "$HERE/package.json" "$HERE/package-lock.json" "$INTO"
(cd "$INTO" && npm ci --ignore-scripts --no-audit --no-fund)
cp "$HERE/package-lock.json" "$INTO/provisioned"
say "ready: $INTO"
