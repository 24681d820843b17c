#!/bin/sh
# Runs every fuzz target for a while. Usage: fuzz.sh DURATION
#
# The fuzzer of Go reports "context deadline exceeded" as a failure when its own time is over in the middle of an
# execution. That, with no failing input and no panic beside it, is the end that was asked for.
set -eu

duration=$1
log=$(mktemp)
trap 'rm -f "$log"' EXIT

go list ./... | while read -r package; do
  go test -list '^Fuzz' "$package" | grep '^Fuzz' | while read -r target; do
    echo "fuzz $package $target"
    if go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" -fuzzminimizetime 10x "$package" >"$log" 2>&1; then
      continue
    fi
    if grep -q 'context deadline exceeded' "$log" && ! grep -q -e 'Failing input' -e 'panic:' "$log"; then
      continue
    fi
    cat "$log"
    exit 1
  done
done
