package cmd

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"calypso/sys/errcode"
	"calypso/zfs/dataset"
)

func datasetGroup() *command {
	return &command{
		Name: "dataset", Summary: "ZFS file systems and volumes",
		Description: "Lists, makes, changes and destroys the file systems and volumes of ZFS pools. Sizes given to --volume are as everywhere in calypso (16MiB, 16MB); PROPERTY=VALUE goes to zfs as it is, and there 16M is 16 MiB.",
		Commands: []*command{datasetListCommand(), datasetShowCommand(), datasetCreateCommand(), datasetSetCommand(), datasetRenameCommand(),
			datasetDestroyCommand(), datasetMountCommand(), datasetUnmountCommand()},
	}
}

// zfsExits are what any verb about datasets can end with, beyond those of every verb.
var zfsExits = []errcode.Exit{errcode.ExitNotFound, errcode.ExitUnsupported, errcode.ExitDevice}

func datasetArg() arg { return arg{Name: "DATASET", Usage: "file system or volume: POOL/NAME"} }

// datasets is the datasets of this host.
func (inv *invocation) datasets() dataset.Store {
	return dataset.Store{Tools: zfsTools(), Dev: hostDev, Users: usersOf}
}

// usersOf asks the kernel who uses a device or a mounted file system.
func usersOf(ctx context.Context, path string) ([]dataset.Holder, error) {
	found, err := hostDisks().Holders(ctx, path)
	var list []dataset.Holder
	for _, h := range found {
		list = append(list, dataset.Holder{Kind: h.Kind, Name: h.Name, PID: h.PID, Command: h.Command, Text: h.String()})
	}
	return list, err
}

// lockDatasets takes the locks, in the order of names, of a change that is planned first and done then: two of
// these on one dataset would each do what the other has not seen. It is not the lock of the pool: timers that
// thin out several datasets at the same minute must not keep each other away.
func (inv *invocation) lockDatasets(ctx context.Context, sorted ...string) (releases, error) {
	if inv.dryRun {
		return nil, nil
	}
	var names []string
	for _, name := range sorted {
		names = append(names, dataset.Lock(name))
	}
	return inv.lockAll(ctx, names...)
}

// datasetDoc is a dataset in JSON.
type datasetDoc struct {
	Name                      string    `json:"name"`
	Type                      string    `json:"type"`
	GUID                      string    `json:"guid"`
	Creation                  time.Time `json:"creation"`
	UsedBytes                 *int64    `json:"used_bytes"`
	UsedByDatasetBytes        *int64    `json:"used_by_dataset_bytes"`
	UsedBySnapshotsBytes      *int64    `json:"used_by_snapshots_bytes"`
	UsedByChildrenBytes       *int64    `json:"used_by_children_bytes"`
	UsedByRefreservationBytes *int64    `json:"used_by_refreservation_bytes"`
	AvailableBytes            *int64    `json:"available_bytes"`
	ReferencedBytes           *int64    `json:"referenced_bytes"`
	QuotaBytes                *int64    `json:"quota_bytes"`
	ReservationBytes          *int64    `json:"reservation_bytes"`
	VolumeSizeBytes           *int64    `json:"volume_size_bytes"`
	Origin                    *string   `json:"origin"`
	Mounted                   *bool     `json:"mounted"`
	KeyStatus                 *string   `json:"key_status"`
	Mountpoint                *string   `json:"mountpoint"`
}

func newDatasetDoc(d dataset.Dataset) datasetDoc {
	return datasetDoc{Name: d.Name, Type: d.Type, GUID: d.GUID, Creation: d.Creation, UsedBytes: d.Used, UsedByDatasetBytes: d.UsedByDataset,
		UsedBySnapshotsBytes: d.UsedBySnapshots, UsedByChildrenBytes: d.UsedByChildren, UsedByRefreservationBytes: d.UsedByRefreserv,
		AvailableBytes: d.Available, ReferencedBytes: d.Referenced, QuotaBytes: limit(d.Quota), ReservationBytes: limit(d.Reservation),
		VolumeSizeBytes: d.VolumeSize, Origin: orNull(d.Origin), Mounted: d.Mounted, KeyStatus: orNull(d.KeyStatus), Mountpoint: orNull(d.Mountpoint)}
}

// limit is nil for the 0 with which zfs says that there is none.
func limit(n *int64) *int64 {
	if n == nil || *n == 0 {
		return nil
	}
	return n
}

// datasetListDoc is `calypso dataset list --json`.
type datasetListDoc struct {
	Datasets       []datasetDoc `json:"datasets"`
	SuspendedPools []string     `json:"suspended_pools"`
}

func datasetListCommand() *command {
	return &command{
		Name: "list", Summary: "list file systems and volumes",
		Description: "Lists all datasets, or one, or with --recursive one and what is below it. Used is with all that is below and the snapshots, referenced is what is in it now. In JSON a quota or reservation that is not set is null, as is what a type does not have.\n\nPools that are suspended (they lost their devices) cannot be asked; they are named instead.",
		Args:        []arg{{Name: "DATASET", Usage: "only this one", Optional: true}},
		Flags: []flag{
			stringFlag("type", "TYPE[,TYPE]", "which types: "+strings.Join(dataset.Types(), ", ")).Default(dataset.Filesystem + "," + dataset.Volume),
			boolFlag("recursive", "with all that is below it").Short("r"),
		},
		Examples: []example{
			{"calypso dataset list", "all of them"},
			{"calypso dataset list tank/backup --recursive --type volume", "the volumes below one"},
		},
		Exits: zfsExits,
		Run:   runDatasetList,
	}
}

func runDatasetList(ctx context.Context, inv *invocation) error {
	types := strings.Split(inv.str("type"), ",")
	for _, t := range types {
		if err := oneOf("--type", t, dataset.Types()); err != nil {
			return err
		}
	}
	store := inv.datasets()
	var doc datasetListDoc
	var err error
	if inv.arg("DATASET") == "" {
		if doc.SuspendedPools, err = inv.suspendedPools(store); err != nil {
			return err
		}
	}
	t := newTable("name", "type", ">used", ">available", ">referenced", ">volume size", "mountpoint")
	err = store.List(ctx, inv.arg("DATASET"), inv.flag("recursive"), types, func(d dataset.Dataset) {
		doc.Datasets = append(doc.Datasets, newDatasetDoc(d))
		t.row(d.Name, d.Type, spaceCell(d.Used), spaceCell(d.Available), spaceCell(d.Referenced), spaceCell(d.VolumeSize), d.Mountpoint)
	})
	if err != nil {
		return err
	}
	return inv.emit(doc, func(p *page) { p.table(t, "no datasets") })
}

// oneOf is the error of a word that is none of those allowed.
func oneOf(from, text string, allowed []string) error {
	for _, a := range allowed {
		if a == text {
			return nil
		}
	}
	return usageErrorf("%s: %q is not one of %s", from, text, strings.Join(allowed, ", "))
}

// suspendedPools names and warns of the pools that a list leaves out.
func (inv *invocation) suspendedPools(store dataset.Store) ([]string, error) {
	pools, err := store.Suspended()
	for _, p := range pools {
		inv.warn("pool %s is suspended and cannot be asked: it is not in this list", p)
	}
	return pools, err
}

// spaceText is a number of bytes for people, in powers of 1024 as zfs counts them: "16MiB".
func spaceText[T int64 | uint64](n T) string {
	return strings.ReplaceAll(humanize.IBytes(uint64(max(n, 0))), " ", "")
}

// spaceCell is a number of bytes for a table, nil for none.
func spaceCell[T int64 | uint64](n *T) *string {
	if n == nil {
		return nil
	}
	return addressOf(spaceText(*n))
}

// datasetShowDoc is `calypso dataset show --json`.
type datasetShowDoc struct {
	datasetDoc
	Device     *string        `json:"device"`
	Properties []propertyDoc  `json:"properties"`
	Holders    []zfsHolderDoc `json:"holders"`
}

type propertyDoc struct {
	Name          string  `json:"name"`
	Value         string  `json:"value"`
	Source        *string `json:"source"`
	InheritedFrom *string `json:"inherited_from"`
}

func newPropertyDoc(p dataset.Property) propertyDoc {
	return propertyDoc{p.Name, p.Value, orNull(p.Source), orNull(p.From)}
}

// zfsHolderDoc says in JSON who keeps a dataset.
type zfsHolderDoc struct {
	Kind    string  `json:"kind"`
	Name    *string `json:"name"`
	PID     *int64  `json:"pid"`
	Command *string `json:"command"`
	Text    string  `json:"text"`
}

func datasetShowCommand() *command {
	return &command{
		Name: "show", Summary: "show a dataset, all its properties and who uses it",
		Description: "Shows a file system, volume, snapshot or bookmark: what takes the space, each property with its value as the tools take it and where it comes from, and who keeps it: processes with files on it, what is mounted below, exported volumes, swap, LVM; of a snapshot its holds and clones. Without privileges only processes of your own are seen.",
		Args:        []arg{{Name: "DATASET", Usage: "file system, volume, snapshot or bookmark"}},
		Examples: []example{
			{"calypso dataset show tank/backup", "what is known of it"},
			{"calypso dataset show tank/vol --json | jq '.holders'", "who uses a volume"},
		},
		Exits: zfsExits,
		Run:   runDatasetShow,
	}
}

func runDatasetShow(ctx context.Context, inv *invocation) error {
	store := inv.datasets()
	d, err := store.Get(ctx, inv.arg("DATASET"))
	if err != nil {
		return err
	}
	properties, err := store.Properties(ctx, d.Name)
	if err != nil {
		return err
	}
	holders, err := store.Holders(ctx, d)
	doc := datasetShowDoc{datasetDoc: newDatasetDoc(d)}
	if d.Type == dataset.Volume {
		doc.Device = orNull(store.Device(d.Name))
	}
	for _, p := range properties {
		doc.Properties = append(doc.Properties, newPropertyDoc(p))
	}
	for _, h := range holders {
		doc.Holders = append(doc.Holders, zfsHolderDoc{h.Kind, orNull(h.Name), orNullSize(int64(h.PID)), orNull(h.Command), h.Text})
	}
	return errors.Join(err, inv.emit(doc, func(p *page) { p.dataset(doc) }))
}

// dataset is what `dataset show` draws.
func (p *page) dataset(doc datasetShowDoc) {
	p.pairs("name", doc.Name, "type", doc.Type, "created", doc.Creation, "GUID", doc.GUID, "origin", doc.Origin,
		"mountpoint", doc.Mountpoint, "mounted", doc.Mounted, "device", doc.Device, "volume size", spaceCell(doc.VolumeSizeBytes),
		"available", spaceCell(doc.AvailableBytes), "used", spaceCell(doc.UsedBytes), "  by itself", spaceCell(doc.UsedByDatasetBytes),
		"  by snapshots", spaceCell(doc.UsedBySnapshotsBytes), "  by what is below", spaceCell(doc.UsedByChildrenBytes),
		"  by refreservation", spaceCell(doc.UsedByRefreservationBytes))
	for _, h := range doc.Holders {
		p.line("in use: %s", h.Text)
	}
	p.blank()
	t := newTable("property", "value", "source")
	for _, prop := range doc.Properties {
		source := cell(prop.Source)
		if prop.InheritedFrom != nil {
			source += " from " + *prop.InheritedFrom
		}
		t.row(prop.Name, prop.Value, source)
	}
	p.table(t, "no properties")
}
