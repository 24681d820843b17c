#!/bin/sh
# Runs the kernel level of the tests in the lab's virtual machine. Usage: e2e.sh [-test.run REGEXP …]
# (the flags of a compiled Go test); ends with the tests' status.
set -eu

cd "$(dirname "$0")/.."
limit=${CALYPSO_LAB_LIMIT:-3300} # seconds for all tests together
share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
export CGO_ENABLED=0
go build -trimpath -tags urfave_cli_no_docs -o "$share/calypso" .
go test -c -tags lab -o "$share/lab.test" ./lab
cp packaging/systemd/* "$share/"
# The flags go through a shell in the machine: each is quoted.
flags=$(for flag; do printf "'%s' " "$flag"; done)
cat >"$share/run" <<RUN
#!/bin/sh
export PATH=/lab:\$PATH HOME=/root
# A test that hangs in the kernel cannot be killed: the machine tells where its tasks stand, then ends.
(sleep $limit; echo "lab: time is over" >>/lab/output; echo w >/proc/sysrq-trigger
 for t in /proc/[0-9]*/task/*; do grep -q lab.test \$t/comm && { cat \$t/wchan \$t/stack; echo; }; done >/lab/stacks 2>/dev/null
 dmesg >/lab/dmesg; echo 124 >/lab/status; sync; echo o >/proc/sysrq-trigger) &
exec ./lab.test -test.v -test.timeout ${limit}s $flags
RUN
chmod 755 "$share/run"

code=0
lab/vm.sh "$share" $((limit + 300)) || code=$?
if [ "$code" = 0 ] && grep -q '^[[:space:]]*--- SKIP' "$share/output"; then
  echo "lab: a test was skipped; in the lab that is a failure" >&2
  code=1
fi
if [ "$code" = 0 ]; then
  grep -E '^(--- |ok|PASS|FAIL)|figure:' "$share/output"
else
  grep -E '^[[:space:]]*--- ' "$share/output" >&2 || true
  tail -n 300 "$share/output" >&2
  cat "$share/stacks" >&2 2>/dev/null || true
  grep -iE 'BUG|oops|panic|hung' "$share/dmesg" >&2 || true
fi
exit "$code"
