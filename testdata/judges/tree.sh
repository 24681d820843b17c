#!/bin/sh
# Makes a tree with every hard case of an archive in the new directory $1. What this user or file
# system cannot have is left out and named on standard output, one word a line.
set -eu
mkdir -p "$1"
cd "$1"
umask 022

mkdir -p plain/sub empty 'sp ace' "$(printf 'new\nline')"
printf 'hello\n' >plain/file
: >plain/zero
printf 'quoted\n' >"sp ace/\"quote\" \\back' \$x"
printf 'dash\n' >./-rf
printf 'nl\n' >"$(printf 'new\nline')/$(printf 'tab\there')"

# Names: not UTF-8, UTF-8, 255 bytes, and a path far beyond the 255 bytes that ustar has room for.
printf 'latin1\n' >"$(printf 'caf\351')"
printf 'bytes\n' >"$(printf '\001\200\377')"
printf 'utf8\n' >"$(printf 'caf\303\251')"
long=$(printf '%0250d' 0)
printf 'long\n' >"$long.long"
mkdir -p "$long/$long"
printf 'deep\n' >"$long/$long/$long"
seq 150000 >big

# Links: hard, hard to a name that is not UTF-8, symbolic, dangling, absolute, with a long target.
ln plain/file plain/hard
ln "$(printf 'caf\351')" hard-latin1
ln -s plain/file soft
ln -s nowhere/at/all dangling
ln -s /etc/passwd absolute
ln -s "$long/$long/$long" soft-long
ln -s "$(printf 'to\377')" soft-bytes
ln -s .. up

# Modes and times: sticky bit, nanoseconds, before 1970, after 2106.
printf 'x\n' >mode-0401 && chmod 0401 mode-0401
mkdir mode-1777 && chmod 1777 mode-1777
printf 'ns\n' >time-ns && touch -d '2026-02-03T04:05:06.123456789Z' time-ns
printf 'old\n' >time-old && touch -d '1960-02-03T04:05:06Z' time-old
printf 'old\n' >time-old-half && touch -d '1960-02-03T04:05:06.5Z' time-old-half
printf 'new\n' >time-new && touch -d '2200-02-03T04:05:06.25Z' time-new
mkdir time-dir && printf 'in\n' >time-dir/in && touch -d '2001-01-01T01:01:01.000000001Z' time-dir
ln -s x time-link && touch -h -d '2002-02-02T02:02:02.020202020Z' time-link

mkfifo pipe

# Sparse: data at both ends, a hole at the end, nothing but a hole of more than 8 GiB.
printf 'head' >sparse && truncate -s 20M sparse && printf 'tail' >>sparse
printf 'head' >sparse-end && truncate -s 5M sparse-end
truncate -s 9G sparse-huge 2>/dev/null && printf 'end' >>sparse-huge || { rm -f sparse-huge; echo huge; }

# What not every file system or user has.
if command -v setfattr >/dev/null && : >xattr && setfattr -n user.note -v 'a=b c' xattr 2>/dev/null; then
  setfattr -n user.bytes -v 0x00ff0a3d xattr
  mkdir xattr-dir && setfattr -n user.dir -v 'on a directory' xattr-dir
else
  rm -f xattr; echo xattr
fi
if command -v setfacl >/dev/null && : >acl && setfacl -m u:12345:r--,g:54321:rw- acl 2>/dev/null; then
  mkdir acl-dir && setfacl -m u:12345:rwx acl-dir && setfacl -d -m u:12345:r-x,o::--- acl-dir
else
  rm -f acl; echo acl
fi
if [ "$(id -u)" = 0 ]; then
  # Set-id bits are restored together with the owner only.
  printf 'x\n' >mode-4755 && chmod 4755 mode-4755
  mkdir mode-2750 && chmod 2750 mode-2750
  printf 'x\n' >mode-0000 && chmod 0000 mode-0000
  printf 'x\n' >owner && chown 3000000001:2147483648 owner
  ln -s x owner-link && chown -h 4242:4343 owner-link
  mknod char c 5 1 2>/dev/null && mknod block b 259 70000 2>/dev/null || { rm -f char block; echo device; }
  setfattr -n trusted.judge -v secret plain/file 2>/dev/null || echo trusted
  printf 'x\n' >capable && setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 capable 2>/dev/null || echo capability
else
  echo root
fi
