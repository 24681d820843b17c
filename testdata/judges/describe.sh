#!/bin/sh
# Describes the tree $1 as findutils, coreutils, attr and acl see it: two trees are the same when
# their descriptions are. A part that $2 names is left out: xattr, acl, time (of directories).
set -eu
cd "$1"
LC_ALL=C
export LC_ALL
without=" ${2-} "

# Type, mode, owners, size of files, times in nanoseconds, target, device numbers: no link counts of
# directories and no sizes of them, for those are the file system's own.
echo '== entries'
find . ! -type d -printf '%p\0' -printf '%y %m %U:%G links=%n %T@ -> %l\n\0' | tr '\n\0' '?\n' | paste - - | sort
find . -type f -printf '%p %s\0' | tr '\n\0' '?\n' | sort
case $without in
*' time '*) find . -type d -printf '%p %y %m %U:%G\0' ;;
*) find . -type d -printf '%p %y %m %U:%G %T@\0' ;;
esac | tr '\n\0' '?\n' | sort

# One number for all names of a file, which of the names are the same file.
echo '== hard links'
find . -type f -links +1 -printf '%i %p\0' | tr '\n\0' '?\n' | sort | awk '{ i = $1; sub(/^[0-9]+ /, ""); if (!(i in first)) first[i] = $0; print first[i], "=", $0 }' | sort

echo '== devices'
find . \( -type b -o -type c \) -exec stat -c '%n %t:%T' {} + | sort

echo '== contents'
find . -type f -size -1048576k -print0 | sort -z | xargs -0 -r sha256sum

# The ends of files that are too long to read whole: they are nearly all holes.
find . -type f -size +1048575k -print0 | sort -z | xargs -0 -r -n 1 sh -c 'head -c 64K "$0" | sha256sum; tail -c 64K "$0" | sha256sum'

echo '== sparse'
find . -type f -size +1M -exec sh -c 'for f; do [ "$(stat -c %b "$f")" -lt 1024 ] && echo "$f has holes"; done' sh {} + | sort

case $without in *' xattr '*) ;; *)
  echo '== attributes'
  find . -type f -print0 | sort -z | xargs -0 -r getfattr -h -d -e hex -m '^(user|trusted|security\.capability)' --
  find . -type d -print0 | sort -z | xargs -0 -r getfattr -h -d -e hex -m '^(user|trusted|security\.capability)' --
  ;;
esac
case $without in *' acl '*) ;; *)
  echo '== ACLs'
  find . ! -type l -print0 | sort -z | xargs -0 -r getfacl -n -s -p --
  ;;
esac
