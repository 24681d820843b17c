#!/bin/sh
# Builds the root file system, kernel and initrd of the lab's virtual machine out of Debian packages and prints the
# directory they are in. The result is kept and found again as long as this file is the same.
# Needs mmdebstrap, e2fsprogs and root (or fakeroot of its own kind: run it in a user namespace).
set -eu

suite=trixie
packages=linux-image-amd64,initramfs-tools,systemd,systemd-sysv,udev,kmod,dbus,zstd,procps,psmisc,iproute2,e2fsprogs,tar
packages=$packages,tgt,open-iscsi,mt-st,mtx,sg3-utils,stenc,lsscsi,jq,strace
packages=$packages,lvm2,thin-provisioning-tools,dosfstools,xfsprogs,zfs-dkms,zfsutils-linux,linux-headers-amd64
packages=$packages,bacula-sd,bacula-fd,bacula-director,bacula-director-sqlite3,sqlite3,bacula-console

key=$(sha256sum "$0" | cut -c1-16)
cache=${CALYPSO_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/calypso-lab}
out=$cache/$key
if [ -e "$out/complete" ]; then
  echo "$out"
  exit 0
fi

# One build at a time: who comes second finds the first one's result.
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ -e "$out/complete" ]; then
  echo "$out"
  exit 0
fi

work=$out.new.$$
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"

# ZFS is built for the machine's kernel while the root is made; then its modules stay and what built them goes.
cat >"$work/keep-modules" <<'KEEP'
#!/bin/sh
set -eu
root=$1
kernel=$(basename "$root"/lib/modules/*)
test -n "$(find "$root/lib/modules/$kernel/updates/dkms" -name 'zfs.ko*')"
cp -a "$root/lib/modules/$kernel/updates" "$root/var/tmp/updates"
chroot "$root" sh -c 'apt-get purge -qq -y zfs-dkms dkms "linux-headers-*" && apt-get autoremove -qq -y --purge'
rm -rf "$root/lib/modules/$kernel/updates"
mv "$root/var/tmp/updates" "$root/lib/modules/$kernel/updates"
chroot "$root" depmod "$kernel"
KEEP
chmod 755 "$work/keep-modules"
# The director asks where its catalog is unless it is told: the tests make their own.
# shellcheck disable=SC2016
mmdebstrap --quiet --variant=minbase --components=main,contrib --include="$packages" \
  --essential-hook='echo "bacula-director-sqlite3 bacula-director-sqlite3/dbconfig-install boolean false" | chroot "$1" debconf-set-selections' \
  --customize-hook="$work/keep-modules" "$suite" "$work/root" >&2
cp "$work"/root/boot/vmlinuz-* "$work/vmlinuz"
cp "$work"/root/boot/initrd.img-* "$work/initrd"

# What runs in the machine: the share's own program, once, then power off.
cat >"$work/root/usr/local/sbin/lab-run" <<'RUN'
#!/bin/sh
# udev loads the driver of the share in its own time.
modprobe -a 9pnet_virtio 9p
for try in $(seq 60); do
  mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=none lab /lab && break
  sleep 1
done
cd /lab
./run >output 2>&1
echo $? >status
dmesg >dmesg
sync
RUN
chmod 755 "$work/root/usr/local/sbin/lab-run"
mkdir -p "$work/root/lab"
cat >"$work/root/etc/systemd/system/lab.service" <<'UNIT'
[Unit]
Description=the lab's program
After=multi-user.target systemd-udev-settle.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/lab-run
ExecStopPost=/usr/bin/systemctl poweroff --force --force
StandardOutput=tty
TTYPath=/dev/ttyS0
UNIT
ln -s ../lab.service "$work/root/etc/systemd/system/multi-user.target.wants/lab.service" 2>/dev/null || {
  mkdir -p "$work/root/etc/systemd/system/multi-user.target.wants"
  ln -s ../lab.service "$work/root/etc/systemd/system/multi-user.target.wants/lab.service"
}
# Services start in the scenarios that want them; what slows the start down and has no use here is off.
for unit in tgt.service open-iscsi.service iscsid.service iscsid.socket apt-daily.timer apt-daily-upgrade.timer \
  dpkg-db-backup.timer e2scrub_all.timer fstrim.timer systemd-networkd.service getty@tty1.service serial-getty@ttyS0.service \
  bacula-director.service bacula-sd.service bacula-fd.service lvm2-monitor.service lvm2-lvmpolld.socket blk-availability.service \
  zfs-load-module.service zfs-import-cache.service zfs-import-scan.service zfs-mount.service zfs-share.service \
  zfs-volume-wait.service zfs-zed.service; do
  ln -sf /dev/null "$work/root/etc/systemd/system/$unit"
done
echo "/dev/vda / ext4 defaults,noatime 0 1" >"$work/root/etc/fstab"
echo lab >"$work/root/etc/hostname"

truncate -s 8G "$work/disk.img"
mke2fs -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1 -O ^metadata_csum -d "$work/root" "$work/disk.img" >&2
rm -rf "$work/root"
touch "$work/complete"
mv -T "$work" "$out"
trap - EXIT
echo "$out"
