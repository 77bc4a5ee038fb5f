#!/bin/sh
# Builds refuse.wasm. Debian: apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32 (its number is clang's).
set -eu
cd "$(dirname "$0")"
CC=${CC:-clang}
BUILTINS=${BUILTINS:-$("$CC" --target=wasm32-wasi -print-resource-dir)/lib/wasi/libclang_rt.builtins-wasm32.a}
INCLUDE=${INCLUDE:-/usr/include/wasm32-wasi}
LIB=${LIB:-/usr/lib/wasm32-wasi}
# No start files and no entry: the component calls what plugin.c exports. No WASI function is used, so none is
# imported; the host would refuse the plugin otherwise.
"$CC" --target=wasm32-wasi -Oz -isystem "$INCLUDE" -L"$LIB" -nostdlib -Wall -Wextra \
    -Wl,--no-entry -Wl,--strip-debug \
    -o refuse.wasm refuse.c plugin.c plugin_component_type.o -lc "$BUILTINS"
ls -l refuse.wasm
