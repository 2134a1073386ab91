#!/bin/sh
# Called by cargo in the place of rustc for the crates of this workspace, as `instrument.sh rustc ARGUMENT...`:
# notes for libFuzzer which branches an input takes. Stable rustc knows these options; what the crates depend on is
# built as always and is shared with every other build.
exec "$@" \
    -C passes=sancov-module \
    -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
    -C llvm-args=-sanitizer-coverage-pc-table \
    -C llvm-args=-sanitizer-coverage-trace-compares \
    -C opt-level=1 -C debug-assertions=on -C overflow-checks=on
