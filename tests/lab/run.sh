#!/bin/sh
# run.sh PROGRAM ARGS... - become a program of the lab, e.g. usr/bin/sipp.
set -eu
. "$(dirname "$0")/common.sh"
lab_exec "$@"
