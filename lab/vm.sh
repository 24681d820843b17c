#!/bin/sh
# Boots the lab's virtual machine with a directory as its share, runs DIR/run in it as root and ends with its exit status.
# Usage: vm.sh DIR [SECONDS]; what it printed is in DIR/output, the kernel's words in DIR/dmesg.
# The machine is emulated (TCG): it needs no KVM and no privileges. Its disk is thrown away.
set -eu

share=$(cd "$1" && pwd)
limit=${2:-1200}
image=$("$(dirname "$0")/build.sh")

rm -f "$share/status" "$share/output" "$share/dmesg"
timeout -k 10 "$limit" qemu-system-x86_64 \
  -accel tcg,thread=multi,tb-size=1024 -cpu max -smp 2 -m "${CALYPSO_LAB_MEMORY:-3G}" \
  -kernel "$image/vmlinuz" -initrd "$image/initrd" \
  -append "root=/dev/vda rw console=ttyS0 quiet loglevel=3 mitigations=off systemd.show_status=0" \
  -drive "file=$image/disk.img,if=virtio,format=raw,snapshot=on,cache=unsafe" \
  -virtfs "local,path=$share,mount_tag=lab,security_model=none,multidevs=remap" \
  -nic none -nographic -no-reboot </dev/null >"$share/console" 2>&1 || {
  echo "lab: the machine did not end in order within $limit s; the end of its console:" >&2
  tail -40 "$share/console" >&2
  exit 1
}
if [ ! -s "$share/status" ]; then
  echo "lab: the machine ended without a result; the end of its console:" >&2
  tail -40 "$share/console" >&2
  exit 1
fi
exit "$(cat "$share/status")"
