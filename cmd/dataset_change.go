package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/zfs/dataset"
)

// zvolPatience is how long udev may take for the node of a new volume.
const zvolPatience = 15 * time.Second

func propertyFlag() flag {
	return stringsFlag("property", "PROPERTY=VALUE", "set a property of it (zfsprops(7)); may be repeated").Short("o")
}

func parentsFlag() flag {
	return boolFlag("parents", "make the datasets above it that are missing").Short("p")
}

// datasetCreatedDoc is `calypso dataset create --json` and `calypso snapshot clone --json`.
type datasetCreatedDoc struct {
	Name    string      `json:"name"`
	Type    string      `json:"type"`
	Device  *string     `json:"device"`
	Dataset *datasetDoc `json:"dataset"`
}

func datasetCreateCommand() *command {
	return &command{
		Name: "create", Summary: "make a file system or a volume",
		Description: "Makes a file system, which is mounted at once, or with --volume a block device below /dev/zvol. A volume reserves all of its size unless --sparse; its size is rounded up to whole blocks. The verb ends when the device node is there.",
		Args:        []arg{datasetArg()},
		Flags: []flag{
			sizeFlag("volume", "make a volume of this size instead of a file system"),
			boolFlag("sparse", "the volume reserves nothing: it can run out of space when the pool does"),
			sizeFlag("block-size", "of the volume, a power of 2 from 512 to 128KiB; 16KiB is the default of zfs"),
			propertyFlag(), parentsFlag(),
		},
		Examples: []example{
			{"calypso dataset create tank/backup -o compression=zstd -o atime=off", "a file system"},
			{"calypso dataset create tank/vols/lun0 --volume 2TiB --parents", "a volume, and what is above it"},
		},
		Exits:   append([]errcode.Exit{errcode.ExitRefused, errcode.ExitPartial}, zfsExits...),
		Mutates: true,
		Run:     runDatasetCreate,
	}
}

func runDatasetCreate(ctx context.Context, inv *invocation) error {
	n := dataset.New{Name: inv.arg("DATASET"), VolumeSize: inv.size("volume"), Sparse: inv.flag("sparse"), BlockSize: inv.size("block-size"),
		Properties: inv.strs("property"), Parents: inv.flag("parents")}
	switch {
	case inv.isSet("volume") && n.VolumeSize == 0:
		return usageErrorf("--volume: a volume cannot have the size 0")
	case n.VolumeSize == 0 && (n.Sparse || n.BlockSize > 0):
		return usageErrorf("--sparse and --block-size are for volumes: give --volume SIZE too")
	}
	store := inv.datasets()
	if err := store.Create(ctx, n, inv.dryRun); err != nil {
		return err
	}
	kind := dataset.Filesystem
	if n.VolumeSize > 0 {
		kind = dataset.Volume
	}
	if inv.dryRun {
		return inv.emitCreated(ctx, store, dataset.Dataset{Name: n.Name, Type: kind})
	}
	made, err := store.Get(ctx, n.Name)
	if err != nil {
		return err
	}
	return inv.emitCreated(ctx, store, made)
}

// emitCreated tells of a new dataset when its device, if it has one, is there.
func (inv *invocation) emitCreated(ctx context.Context, store dataset.Store, d dataset.Dataset) error {
	doc := datasetCreatedDoc{Name: d.Name, Type: d.Type}
	var err error
	if d.Type == dataset.Volume {
		doc.Device = orNull(store.Device(d.Name))
	}
	if !inv.dryRun {
		made := newDatasetDoc(d)
		doc.Dataset = &made
		if d.Type == dataset.Volume {
			err = store.WaitDevice(ctx, d.Name, zvolPatience)
		}
	}
	return errors.Join(err, inv.emit(doc, func(p *page) {
		where := ""
		if doc.Device != nil {
			where = ": " + *doc.Device
		} else if d.Mountpoint != "" {
			where = ": " + d.Mountpoint
		}
		p.line("%s %s %s%s", inv.done("made", "make"), d.Type, d.Name, where)
	}))
}

// done is what was done, or with --dry-run would be.
func (inv *invocation) done(past, infinitive string) string {
	if inv.dryRun {
		return "would " + infinitive
	}
	return past
}

// datasetSetDoc is `calypso dataset set --json`.
type datasetSetDoc struct {
	Name    string      `json:"name"`
	Changes []changeDoc `json:"changes"`
}

// changeDoc is a property before and after; new is null in a dry run of --inherit.
type changeDoc struct {
	Property string       `json:"property"`
	Old      propertyDoc  `json:"old"`
	New      *propertyDoc `json:"new"`
}

func datasetSetCommand() *command {
	return &command{
		Name: "set", Summary: "set properties of a dataset",
		Description: "Sets properties and says what they were and are. All settings are made in one step: when one is refused none is made. --inherit takes properties back to what the dataset inherits or to their default.\n\nTo make volsize smaller cuts off the end of the volume; that is refused unless --confirm names the volume.",
		Args:        []arg{datasetArg(), {Name: "PROPERTY=VALUE", Usage: "see zfsprops(7)", Optional: true, Repeated: true}},
		Flags:       []flag{stringsFlag("inherit", "PROPERTY", "take back to what is inherited; may be repeated")},
		Examples: []example{
			{"calypso dataset set tank/backup compression=zstd quota=2T", "two properties"},
			{"calypso dataset set tank/backup --inherit compression", "back to what is inherited"},
		},
		Exits:   append([]errcode.Exit{errcode.ExitRefused, errcode.ExitPartial}, zfsExits...),
		Mutates: true, Danger: severe,
		Run: runDatasetSet,
	}
}

func runDatasetSet(ctx context.Context, inv *invocation) error {
	name, settings, inherit := inv.arg("DATASET"), inv.argList("PROPERTY=VALUE"), inv.strs("inherit")
	names, err := dataset.Settings(settings)
	if err != nil {
		return err
	}
	if names = append(names, inherit...); len(names) == 0 {
		return usageErrorf("nothing to set: give PROPERTY=VALUE or --inherit PROPERTY")
	}
	held, err := inv.lockDatasets(ctx, name)
	if err != nil {
		return err
	}
	defer held.Close()
	store := inv.datasets()
	changes, err := store.Before(ctx, name, names)
	if err != nil {
		return err
	}
	if err := inv.confirmShrink(ctx, name, settings, changes); err != nil {
		return err
	}
	if !inv.dryRun {
		if err := store.Set(ctx, name, settings, inherit); err != nil {
			return err
		}
		if err := store.After(ctx, name, changes); err != nil {
			return err
		}
	}
	doc := newDatasetSetDoc(name, changes, settings, inv.dryRun)
	return inv.emit(doc, func(p *page) {
		for _, c := range doc.Changes {
			p.line("%s %s of %s: %s -> %s", inv.done("set", "set"), c.Property, name, c.Old.shown(), c.New.shown())
		}
	})
}

func newDatasetSetDoc(name string, changes []dataset.Change, settings []string, dryRun bool) datasetSetDoc {
	doc := datasetSetDoc{Name: name}
	for _, c := range changes {
		d := changeDoc{Property: c.Property, Old: newPropertyDoc(c.Old)}
		value, given := valueOf(settings, c.Property)
		switch {
		case !dryRun:
			after := newPropertyDoc(c.New)
			d.New = &after
		case given:
			d.New = &propertyDoc{Name: c.Property, Value: value, Source: orNull("local")}
		}
		doc.Changes = append(doc.Changes, d)
	}
	return doc
}

func valueOf(settings []string, property string) (string, bool) {
	for _, s := range settings {
		if value, ok := strings.CutPrefix(s, property+"="); ok {
			return value, true
		}
	}
	return "", false
}

// shown is a value and where it comes from, for people.
func (d *propertyDoc) shown() string {
	switch {
	case d == nil:
		return "what is inherited"
	case d.InheritedFrom != nil:
		return fmt.Sprintf("%s (inherited from %s)", d.Value, *d.InheritedFrom)
	case d.Source != nil:
		return fmt.Sprintf("%s (%s)", d.Value, *d.Source)
	}
	return d.Value
}

// confirmShrink asks before a volume loses its end.
func (inv *invocation) confirmShrink(ctx context.Context, name string, settings []string, before []dataset.Change) error {
	shrinks, err := dataset.Shrinks(before, settings)
	if err != nil || !shrinks {
		return err
	}
	return inv.confirmName(ctx, name, "make volume "+name+" smaller and destroy what is at its end")
}

func datasetRenameCommand() *command {
	return &command{
		Name: "rename", Summary: "rename a dataset",
		Description: "Gives a dataset another name in its pool, with all that is below it. File systems are unmounted for it and mounted where their mountpoint says then. A volume that is in use is refused: what uses it would not find it again under the old name.",
		Args:        []arg{datasetArg(), {Name: "NEW", Usage: "the new name, with its pool"}},
		Flags:       []flag{parentsFlag()},
		Examples:    []example{{"calypso dataset rename tank/old tank/archive/2026 --parents", "move it below another"}},
		Exits:       append([]errcode.Exit{errcode.ExitRefused}, zfsExits...),
		Mutates:     true,
		Run:         runDatasetRename,
	}
}

// datasetRenamedDoc is `calypso dataset rename --json`.
type datasetRenamedDoc struct {
	Old string `json:"old"`
	New string `json:"new"`
}

func runDatasetRename(ctx context.Context, inv *invocation) error {
	doc := datasetRenamedDoc{inv.arg("DATASET"), inv.arg("NEW")}
	names := []string{doc.Old, doc.New}
	slices.Sort(names)
	held, err := inv.lockDatasets(ctx, slices.Compact(names)...)
	if err != nil {
		return err
	}
	defer held.Close()
	if err := inv.datasets().Rename(ctx, doc.Old, doc.New, inv.flag("parents"), inv.dryRun); err != nil {
		return err
	}
	return inv.emit(doc, func(p *page) { p.line("%s %s to %s", inv.done("renamed", "rename"), doc.Old, doc.New) })
}

// datasetMountDoc is `calypso dataset mount|unmount --json`.
type datasetMountDoc struct {
	Name    string `json:"name"`
	Mounted bool   `json:"mounted"`
	Changed bool   `json:"changed"`
}

func datasetMountCommand() *command {
	return &command{
		Name: "mount", Summary: "mount a file system",
		Description: "Mounts a file system where its mountpoint says. One that is mounted already is left as it is.",
		Args:        []arg{datasetArg()},
		Examples:    []example{{"calypso dataset mount tank/backup", "mount it"}},
		Exits:       append([]errcode.Exit{errcode.ExitRefused}, zfsExits...),
		Mutates:     true,
		Run:         func(ctx context.Context, inv *invocation) error { return inv.mountDataset(ctx, true) },
	}
}

func datasetUnmountCommand() *command {
	return &command{
		Name: "unmount", Summary: "unmount a file system and those below it",
		Description: "Unmounts a file system and those below it. When one is busy, the message names who uses it. One that is not mounted is left as it is.",
		Args:        []arg{datasetArg()},
		Examples:    []example{{"calypso dataset unmount tank/backup", "unmount it"}},
		Exits:       append([]errcode.Exit{errcode.ExitRefused}, zfsExits...),
		Mutates:     true,
		Run:         func(ctx context.Context, inv *invocation) error { return inv.mountDataset(ctx, false) },
	}
}

func (inv *invocation) mountDataset(ctx context.Context, mount bool) error {
	name := inv.arg("DATASET")
	change, past, infinitive := inv.datasets().Unmount, "unmounted", "unmount"
	if mount {
		change, past, infinitive = inv.datasets().Mount, "mounted", "mount"
	}
	changed, err := change(ctx, name, inv.dryRun)
	if err != nil {
		return err
	}
	return inv.emit(datasetMountDoc{name, mount, changed}, func(p *page) {
		if !changed {
			p.line("%s is %s already", name, map[bool]string{true: "mounted", false: "not mounted"}[mount])
			return
		}
		p.line("%s %s", inv.done(past, infinitive), name)
	})
}
