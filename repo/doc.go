// Package repo is disk repositories: space of a given size with a name, for Bacula or an iSCSI target, as one
// object over ZFS and LVM. A volume is a block device, a filesystem is a mounted directory:
//
//	             zfs:POOL[/DATASET]              lvm:VG[/THINPOOL]
//	volume       a volume (zvol)                 a logical volume
//	filesystem   a dataset with a quota          a logical volume, ext4 or xfs, a systemd mount unit
//
// What was made for a repository carries its name: the user property calypso:repo of ZFS, a tag of LVM. What
// does not carry it is never changed and never destroyed. The record of a repository (repos/NAME.yaml) is
// written before anything is made, so that nothing that a crash leaves behind is without an owner: making it
// again goes on where the first one stopped, and deleting it takes away what there is.
//
// The package has a room of its own as it joins the rooms zfs and sys/lvm.
package repo
