package cmd

import (
	"context"
	"fmt"
	"time"

	"calypso/sys/errcode"
	"calypso/zfs/pool"
)

func poolGroup() *command {
	return &command{
		Name: "pool", Summary: "ZFS pools: how they are, and what they are made of",
		Description: "These verbs work on ZFS pools, with the tools of OpenZFS 2.1 to 2.4. Who may do what is decided by ZFS.\n\nA pool that is suspended (it lost its devices) is recognised by what the kernel tells, and is not asked: a command that asks it can wait for ever.",
		Commands: append([]*command{
			poolListVerb(), poolShowVerb(), poolStatusVerb(), poolARCVerb(), poolEventsVerb(), poolMonitorVerb(),
		}, poolChangeCommands()...),
	}
}

func poolArg() arg { return arg{Name: "POOL", Usage: "name of a pool"} }

func poolListVerb() *command {
	return &command{
		Name: "list", Summary: "list the pools",
		Description: "Lists the pools that are imported, with their state and space. Of a pool that is suspended it is the state alone.",
		Examples:    []example{{"calypso pool list", "all pools"}, {"calypso pool list --json | jq -r '.pools[].name'", "their names, for a script"}},
		Exits:       []errcode.Exit{errcode.ExitUnsupported},
		Run:         runPoolList,
	}
}

// poolListDoc is `calypso pool list --json`.
type poolListDoc struct {
	Pools []poolSpaceDoc `json:"pools"`
}

// poolSpaceDoc is a pool and its space.
type poolSpaceDoc struct {
	Name                 string   `json:"name"`
	GUID                 *string  `json:"guid"`
	State                string   `json:"state"`
	SizeBytes            *uint64  `json:"size_bytes"`
	AllocatedBytes       *uint64  `json:"allocated_bytes"`
	FreeBytes            *uint64  `json:"free_bytes"`
	CheckpointBytes      *uint64  `json:"checkpoint_bytes"`
	ExpandableBytes      *uint64  `json:"expandable_bytes"`
	CapacityPercent      *uint64  `json:"capacity_percent"`
	FragmentationPercent *uint64  `json:"fragmentation_percent"`
	DedupRatio           *float64 `json:"dedup_ratio"`
	AltRoot              *string  `json:"altroot"`
}

func newPoolSpaceDoc(s pool.Space) poolSpaceDoc {
	return poolSpaceDoc{s.Name, orNull(s.GUID), s.State, s.Size, s.Allocated, s.Free, s.Checkpoint, s.Expandable, s.Capacity, s.Fragmentation,
		s.DedupRatio, orNull(s.AltRoot)}
}

func runPoolList(ctx context.Context, inv *invocation) error {
	list, err := pool.List(ctx, zfsTools())
	if err != nil {
		return err
	}
	doc := poolListDoc{}
	t := newTable("name", "state", ">size", ">allocated", ">free", ">used %", ">frag %", ">dedup")
	for _, s := range list {
		doc.Pools = append(doc.Pools, newPoolSpaceDoc(s))
		t.row(s.Name, s.State, spaceCell(s.Size), spaceCell(s.Allocated), spaceCell(s.Free), numberCell(s.Capacity), numberCell(s.Fragmentation), formatted(s.DedupRatio, "%.2f"))
	}
	return inv.emit(doc, func(p *page) { p.table(t, "no pools") })
}

func poolShowVerb() *command {
	return &command{
		Name: "show", Summary: "show a pool: its devices, space and properties",
		Description: "Shows what a pool is made of, how full it is, and all its properties with where each is from. 'calypso pool status' judges it.",
		Args:        []arg{poolArg()},
		Examples:    []example{{"calypso pool show tank", "all about a pool"}, {"calypso pool show tank --json | jq .vdevs", "its devices, for a script"}},
		Exits:       []errcode.Exit{errcode.ExitNotFound, errcode.ExitUnsupported, errcode.ExitDevice},
		Run:         runPoolShow,
	}
}

// poolShowDoc is `calypso pool show --json`.
type poolShowDoc struct {
	poolSpaceDoc
	Vdevs      []vdevDoc         `json:"vdevs"`
	Properties []poolPropertyDoc `json:"properties"`
}

// poolPropertyDoc is a property, its value as the tool tells it: sizes in bytes.
type poolPropertyDoc struct {
	Name   string  `json:"name"`
	Value  *string `json:"value"`
	Source *string `json:"source"` // default, local; null: it is measured
}

func runPoolShow(ctx context.Context, inv *invocation) error {
	name, tools := inv.arg("POOL"), zfsTools()
	list, err := pool.List(ctx, tools, name)
	if err != nil {
		return err
	}
	if err := tools.NotSuspended(name); err != nil {
		return err
	}
	version, err := tools.Version(ctx)
	if err != nil {
		return err
	}
	status, err := pool.AskStatus(ctx, tools, version, name, time.Now())
	if err != nil {
		return err
	}
	properties, err := pool.AskProperties(ctx, tools, name)
	if err != nil {
		return err
	}
	doc := poolShowDoc{poolSpaceDoc: newPoolSpaceDoc(list[0]), Vdevs: newVdevDocs(status.Vdevs)}
	for _, p := range properties {
		doc.Properties = append(doc.Properties, poolPropertyDoc{p.Name, orNull(p.Value), orNull(p.Source)})
	}
	return inv.emit(doc, func(p *page) { p.pool(doc) })
}

func (p *page) pool(doc poolShowDoc) {
	p.pairs("pool", doc.Name, "guid", doc.GUID, "state", doc.State, "size", spaceCell(doc.SizeBytes), "allocated", spaceCell(doc.AllocatedBytes),
		"free", spaceCell(doc.FreeBytes), "used %", numberCell(doc.CapacityPercent), "fragmentation %", numberCell(doc.FragmentationPercent))
	p.blank()
	p.vdevs(doc.Vdevs)
	p.blank()
	t := newTable("property", "value", "source")
	for _, x := range doc.Properties {
		t.row(x.Name, x.Value, x.Source)
	}
	p.table(t, "no properties")
}

// vdevDoc is a device, or a group of devices.
type vdevDoc struct {
	Name           string    `json:"name"`
	Type           string    `json:"type"`
	Class          string    `json:"class"`
	State          string    `json:"state"`
	GUID           *string   `json:"guid"`
	Path           *string   `json:"path"`
	Was            *string   `json:"was"`
	Note           *string   `json:"note"`
	ReadErrors     *uint64   `json:"read_errors"`
	WriteErrors    *uint64   `json:"write_errors"`
	ChecksumErrors *uint64   `json:"checksum_errors"`
	SlowIOs        *uint64   `json:"slow_ios"`
	Vdevs          []vdevDoc `json:"vdevs"`
}

func newVdevDocs(list []pool.Vdev) []vdevDoc {
	var docs []vdevDoc
	for _, v := range list {
		docs = append(docs, vdevDoc{v.Name, v.Type, v.Class, v.State, orNull(v.GUID), orNull(v.Path), orNull(v.Was), orNull(v.Note),
			v.Read, v.Write, v.Checksum, v.SlowIOs, newVdevDocs(v.Children)})
	}
	return docs
}

// vdevs is the tree of devices, two spaces a level.
func (p *page) vdevs(list []vdevDoc) {
	t := newTable("device", "class", "state", ">read", ">write", ">checksum", ">slow", "note")
	var rows func(list []vdevDoc, indent string)
	rows = func(list []vdevDoc, indent string) {
		for _, v := range list {
			note := v.Note
			if v.Was != nil {
				was := "was " + *v.Was
				note = &was
			}
			t.row(indent+v.Name, v.Class, v.State, numberCell(v.ReadErrors), numberCell(v.WriteErrors), numberCell(v.ChecksumErrors), numberCell(v.SlowIOs), note)
			rows(v.Vdevs, indent+"  ")
		}
	}
	rows(list, "")
	p.table(t, "no devices")
}

func numberCell(n *uint64) *string { return formatted(n, "%d") }

func formatted[T any](n *T, format string) *string {
	if n == nil {
		return nil
	}
	text := fmt.Sprintf(format, *n)
	return &text
}
