# Settings and helpers that the lab's scripts share (sourced, not run).
#
# BELLHOP_LAB_DIR  where what was fetched lives    (default .lab in the repository)
# LAB_ROOT         the unpacked tree to run from   (default $BELLHOP_LAB_DIR/root)
# LAB_RUN          run-time state of one lab: configurations, logs, sockets
#                                                  (default $BELLHOP_LAB_DIR/run)

LAB_DIR=${BELLHOP_LAB_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/.lab}
LAB_ROOT=${LAB_ROOT:-$LAB_DIR/root}
LAB_RUN=${LAB_RUN:-$LAB_DIR/run}

say() { printf 'lab: %s\n' "$*"; }
die() { printf 'lab: error: %s\n' "$*" >&2; exit 1; }

# The multiarch triplet inside the unpacked tree, e.g. x86_64-linux-gnu, and
# the program loader that came with its C library.
lab_find_loader() {
    for ld in "$LAB_ROOT"/usr/lib/*-linux-gnu*/ld-linux*.so.*; do
        [ -e "$ld" ] || continue
        LAB_LOADER=$ld
        LAB_LIBDIR=${ld%/*}
        LAB_MULTIARCH=${LAB_LIBDIR##*/}
        return 0
    done
    die "nothing unpacked in $LAB_ROOT; run provision.sh first"
}

# lab_exec PROGRAM ARGS...: replace this shell by a program of the unpacked
# tree. The program gets the tree's own C library and loader, so it runs on
# an older host, without a chroot and without root. --argv0 keeps its name.
# Kamailio has libraries in a directory of its own.
lab_exec() {
    lab_find_loader
    prog=$LAB_ROOT/$1; shift
    exec "$LAB_LOADER" --argv0 "$prog" --library-path "$LAB_LIBDIR:$LAB_LIBDIR/kamailio" \
        "$prog" "$@"
}
