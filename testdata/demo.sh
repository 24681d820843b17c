#!/bin/sh
# The main job on a real directory tree, from nothing to a verified restore. Needs no root, asks nothing,
# leaves nothing behind. Usage: demo.sh CALYPSO [TREE]
set -eu

calypso=$(realpath "$1")
tree=${2:-$(go env GOROOT 2>/dev/null || true)/src}
[ -d "$tree" ] || tree=$(dirname "$0")/..
tree=$(realpath "$tree") # Debian's GOROOT/src is a symbolic link

work=$(mktemp -d "${TMPDIR:-/tmp}/calypso-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export CALYPSO_STATE_DIR="$work/state"
cd "$work"

run() {
  printf '\n$ calypso'
  printf ' %s' "$@"
  printf '\n'
  "$calypso" "$@"
}

run vtl create vtl01 --drives 2 --slots 10 --io-slots 2 --media LTO-8
run library load vtl01 --slot 1 --drive 0
run lto label -f vtl01:0 V00001L8
run lto write -f vtl01:0 --name src "$tree"
printf '\n$ tar -cf - . | calypso lto write -f vtl01:0 --name stream -\n'
(cd "$tree" && tar -cf - .) | "$calypso" lto write -f vtl01:0 --name stream -
run lto list -f vtl01:0
run lto verify -f vtl01:0
mkdir restore
run lto read -f vtl01:0 --name src -C restore
printf '\n$ diff -r %s restore/%s\n' "$tree" "${tree#/}"
diff -r --no-dereference "$tree" "restore/${tree#/}"
echo "the restored tree is the same"
some=$(find "$tree" -type f | LC_ALL=C sort | sed -n '1p')
run media find "*/$(basename "$some")"
run lto status -f vtl01:0
run lto eject -f vtl01:0
run library unload vtl01 --drive 0
run library show vtl01
run audit verify
printf '\nThe demo is done: written, read back, compared, verified.\n'
