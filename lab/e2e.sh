#!/bin/sh
# Runs the kernel level of the tests in the lab's virtual machine. Usage: e2e.sh [-run REGEXP]; ends with the tests' status.
set -eu

cd "$(dirname "$0")/.."
share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
export CGO_ENABLED=0
go build -trimpath -tags urfave_cli_no_docs -o "$share/calypso" .
go test -c -tags lab -o "$share/lab.test" ./lab
cat >"$share/run" <<RUN
#!/bin/sh
export PATH=/lab:\$PATH HOME=/root
exec ./lab.test -test.v -test.timeout 30m $*
RUN
chmod 755 "$share/run"

code=0
lab/vm.sh "$share" 2400 || code=$?
if [ "$code" = 0 ] && grep -q '^[[:space:]]*--- SKIP' "$share/output"; then
  echo "lab: a test was skipped; in the lab that is a failure" >&2
  code=1
fi
if [ "$code" = 0 ]; then
  grep -E '^(--- |ok|PASS|FAIL)|figure:' "$share/output"
else
  tail -n 300 "$share/output" >&2
  grep -iE 'BUG|oops|panic|hung' "$share/dmesg" >&2 || true
fi
exit "$code"
