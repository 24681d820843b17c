// Package lvm is the logical volume manager of the host: what there is (one `lvm fullreport`, whose volume
// groups, physical and logical volumes belong together), and making, growing and removing logical volumes.
//
// All values come from `--reportformat json --units b --nosuffix`: lvm(8) promises nothing about its tables.
// Where LVM answers in JSON and fails, its status counts: it prints valid JSON with an empty list, too.
//
// Limits: linear and thin volumes are made; others (raid, cache, snapshots) are listed.
package lvm
