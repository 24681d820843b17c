package cmd

import (
	"context"
	"slices"
	"strings"

	"calypso/sys/disk"
	"calypso/sys/errcode"
	"calypso/sys/proc"
	"calypso/zfs"
	"calypso/zfs/vdev"
)

func poolCreateCommand() *command {
	return &command{
		Name: "create", Summary: "make a pool of disks",
		Description: `VDEV are the words of zpool-create(8): mirror, raidz1, raidz2, raidz3 or draid and their disks, once or more, then log, cache, special, dedup or spare and theirs. A disk is named as it is in /dev/disk/by-id (see 'calypso pool disks'); the kernel's own names (sdb) are refused where there is a lasting one. A plain file, by its absolute path, can stand for a disk in trials.

A disk that something uses is refused and its user named. One that holds a file system, a partition table or a member of another pool or volume group is overwritten only when it is named: --confirm DISK, once for each.

Groups that differ in redundancy, disks of one group that differ in size, and disks mixed with files are refused without --uneven.

The defaults are for backups: compression lz4, atime off, xattr sa, acltype posix, autoexpand on, failmode continue, ashift from the disks and at least 12, autotrim on when all disks are solid-state. -o and -O set others.`,
		Args: []arg{{Name: "POOL", Usage: "name of the new pool"}, {Name: "VDEV", Usage: "mirror, raidz1, ... and disks", Repeated: true}},
		Flags: []flag{
			stringsFlag("option", "NAME=VALUE", "set a property of the pool: zpoolprops(7)").Short("o"),
			stringsFlag("root-option", "NAME=VALUE", "set a property of its root file system: zfsprops(7)").Short("O"),
			boolFlag("uneven", "accept groups and disks that do not match"),
		},
		Examples: []example{
			{"calypso pool create tank mirror wwn-0x5000c5a1 wwn-0x5000c5a2 --dry-run", "see the layout and the properties"},
			{"calypso pool create t raidz1 ata-A ata-B ata-C special mirror nvme-D nvme-E", "bulk on disks, metadata on NVMe"},
			{"calypso pool create tank mirror ata-A ata-B --confirm ata-B -O atime=on", "overwrite what ata-B holds; another property"},
		},
		Exits:  []errcode.Exit{errcode.ExitNotFound, errcode.ExitBusy, errcode.ExitUnsupported, errcode.ExitDevice},
		Danger: severe, Mutates: true,
		Run: runPoolCreate,
	}
}

// poolCreateDoc is `calypso pool create --json`.
type poolCreateDoc struct {
	Pool       string                  `json:"pool"`
	Layout     []poolCreateGroupDoc    `json:"layout"`
	Properties []poolCreatePropertyDoc `json:"properties"`
	Warnings   []string                `json:"warnings"`
	Command    string                  `json:"command"`
}

type poolCreateGroupDoc struct {
	Class   string                `json:"class"`
	Kind    string                `json:"kind"`
	Parity  int                   `json:"parity"`
	Devices []poolCreateDeviceDoc `json:"devices"`
}

type poolCreateDeviceDoc struct {
	Name       string         `json:"name"`
	Path       string         `json:"path"`
	Node       string         `json:"node"`
	Serial     *string        `json:"serial"`
	SizeBytes  int64          `json:"size_bytes"`
	Overwrites []signatureDoc `json:"overwrites"`
}

type poolCreatePropertyDoc struct {
	Name   string  `json:"name"`
	Value  string  `json:"value"`
	Of     string  `json:"of"`
	Chosen bool    `json:"chosen"`
	Why    *string `json:"why"`
}

func runPoolCreate(ctx context.Context, inv *invocation) (err error) {
	pool := inv.arg("POOL")
	if err := zfs.CheckPool(pool); err != nil {
		return err
	}
	layout, err := vdev.ParseLayout(inv.argList("VDEV"))
	if err != nil {
		return err
	}
	if err := notImported(pool); err != nil {
		return err
	}
	release, err := inv.lockAll(ctx, zfs.LockDisks, zfs.LockPool(pool))
	if err != nil {
		return err
	}
	defer closeInto(&err, release)
	found, err := layout.Look(ctx, hostDisks())
	if err != nil {
		return err
	}
	plan, err := inv.planPool(pool, layout, found)
	if err != nil {
		return err
	}
	lines, err := plan.Try(ctx, zfsTools())
	if err != nil {
		return err
	}
	if err := inv.confirmEach(ctx, overwritten(layout, found)); err != nil {
		return err
	}
	if !inv.dryRun {
		if err := plan.Create(ctx, zfsTools()); err != nil {
			return err
		}
	}
	doc := newPoolCreateDoc(plan, found)
	for _, w := range doc.Warnings {
		inv.warn("%s", w)
	}
	return inv.emit(doc, func(p *page) { p.poolCreate(doc, lines, inv.dryRun) })
}

// notImported says at once that the name is taken; zpool would say so only after it has looked at the disks.
func notImported(pool string) error {
	states, err := zfsTools().States()
	if err != nil {
		return err
	}
	if state, taken := states[pool]; taken {
		return errcode.New(errcode.PoolExists, pool, "a pool of this name is imported: it is %s", state)
	}
	return nil
}

// planPool holds the layout to what can and should be, and gives the pool its properties.
func (inv *invocation) planPool(pool string, layout vdev.Layout, found []vdev.Found) (vdev.Plan, error) {
	if err := layout.Check(inv.flag("uneven")); err != nil {
		return vdev.Plan{}, err
	}
	if err := vdev.InUse(layout, found); err != nil {
		return vdev.Plan{}, err
	}
	properties, err := vdev.Defaults(found, inv.strs("option"), inv.strs("root-option"))
	force := inv.flag("uneven") || len(overwritten(layout, found)) > 0
	return vdev.Plan{Pool: pool, Layout: layout, Properties: properties, Force: force}, err
}

// overwritten are the members that hold something.
func overwritten(layout vdev.Layout, found []vdev.Found) []doomed {
	var list []doomed
	for i, m := range layout.Members() {
		if s := found[i].Signatures; len(s) > 0 {
			list = append(list, doomed{m.Name(), "overwrite " + m.Name() + ", which holds " + signaturesText(s)})
		}
	}
	return list
}

func signaturesText(list []disk.Signature) string {
	var words []string
	for _, s := range list {
		words = append(words, s.String())
	}
	return strings.Join(words, ", ")
}

func newPoolCreateDoc(plan vdev.Plan, found []vdev.Found) poolCreateDoc {
	doc := poolCreateDoc{Pool: plan.Pool, Warnings: plan.Layout.Warnings(), Command: proc.CommandLine(append([]string{"zpool"}, plan.Args(false)...))}
	next := 0
	for _, g := range plan.Layout.Groups {
		group := poolCreateGroupDoc{Class: g.Class, Kind: g.Kind, Parity: g.Parity}
		for _, m := range g.Members {
			group.Devices = append(group.Devices, poolCreateDeviceDoc{m.Name(), m.Path, m.Node, orNull(validText(m.Serial)), m.SizeBytes, newSignatureDocs(found[next].Signatures)})
			next++
		}
		doc.Layout = append(doc.Layout, group)
	}
	for _, p := range plan.Properties {
		of := map[bool]string{true: "dataset", false: "pool"}[p.Dataset]
		doc.Properties = append(doc.Properties, poolCreatePropertyDoc{p.Name, p.Value, of, p.Chosen, orNull(p.Why)})
	}
	return doc
}

func (p *page) poolCreate(doc poolCreateDoc, lines []string, dryRun bool) {
	if dryRun {
		p.line("would create pool %s:", doc.Pool)
	} else {
		p.line("created pool %s:", doc.Pool)
	}
	p.blank()
	for _, line := range lines {
		p.line("  %s", line)
	}
	p.blank()
	t := newTable("property", "value", "of", "why")
	for _, q := range doc.Properties {
		why := q.Why
		if q.Chosen {
			why = orNull("chosen")
		}
		t.row(q.Name, q.Value, q.Of, why)
	}
	p.table(t, "")
	p.poolCreateDevices(doc)
}

// poolCreateDevices lists which disks these are: a serial number is what is printed on them.
func (p *page) poolCreateDevices(doc poolCreateDoc) {
	p.blank()
	t := newTable("device", "node", ">size", "serial", "overwrites")
	for _, g := range doc.Layout {
		for _, m := range g.Devices {
			var types []string
			for _, s := range m.Overwrites {
				if !slices.Contains(types, s.Type) {
					types = append(types, s.Type)
				}
			}
			t.row(m.Name, m.Node, bytesText(m.SizeBytes), m.Serial, strings.Join(types, ", "))
		}
	}
	p.table(t, "")
}
