package cmd

import (
	"context"
	"strings"

	"calypso/sys/errcode"
	"calypso/sys/lvm"
)

func lvmGroup() *command {
	return &command{
		Name: "lvm", Summary: "what the logical volume manager has",
		Description: "Shows volume groups, physical volumes and logical volumes. 'calypso repo' makes and removes the logical volumes that calypso uses.",
		Commands:    []*command{lvmListCommand()},
	}
}

// lvmListDoc is `calypso lvm list --json`.
type lvmListDoc struct {
	VolumeGroups    []volumeGroupDoc    `json:"volume_groups"`
	PhysicalVolumes []physicalVolumeDoc `json:"physical_volumes"`
	LogicalVolumes  []logicalVolumeDoc  `json:"logical_volumes"`
	Complaint       *string             `json:"complaint"`
}

type volumeGroupDoc struct {
	Name            string `json:"name"`
	UUID            string `json:"uuid"`
	SizeBytes       int64  `json:"size_bytes"`
	FreeBytes       int64  `json:"free_bytes"`
	ExtentBytes     int64  `json:"extent_bytes"`
	PhysicalVolumes int    `json:"physical_volumes"`
	Missing         int    `json:"missing_physical_volumes"`
	LogicalVolumes  int    `json:"logical_volumes"`
	Exported        bool   `json:"exported"`
}

type physicalVolumeDoc struct {
	Device    string  `json:"device"`
	UUID      string  `json:"uuid"`
	Group     *string `json:"volume_group"`
	SizeBytes int64   `json:"size_bytes"`
	FreeBytes int64   `json:"free_bytes"`
	Missing   bool    `json:"missing"`
}

type logicalVolumeDoc struct {
	Name            string   `json:"name"`
	Group           string   `json:"volume_group"`
	UUID            string   `json:"uuid"`
	Path            *string  `json:"path"`
	SizeBytes       int64    `json:"size_bytes"`
	Layout          []string `json:"layout"`
	Active          bool     `json:"active"`
	ThinPool        *string  `json:"thin_pool"`
	Origin          *string  `json:"origin"`
	DataPercent     *float64 `json:"data_percent"`
	MetadataPercent *float64 `json:"metadata_percent"`
	Tags            []string `json:"tags"`
	Health          *string  `json:"health"`
}

func lvmListCommand() *command {
	return &command{
		Name: "list", Summary: "list volume groups, physical and logical volumes",
		Description: "Lists what LVM has, all of one moment. What LVM complains of (a device that is missing) is said below, and in JSON as complaint.",
		Examples: []example{
			{"calypso lvm list", "what there is"},
			{"calypso lvm list --json | jq '.volume_groups[]|{name, free_bytes}'", "what is free"},
		},
		Exits: []errcode.Exit{errcode.ExitUnsupported},
		Run:   runLVMList,
	}
}

func runLVMList(ctx context.Context, inv *invocation) error {
	r, err := lvm.Tools{Runner: hostTools}.Report(ctx)
	if err != nil {
		return err
	}
	doc := newLVMListDoc(r)
	return inv.emit(doc, func(p *page) { p.lvm(doc) })
}

func newLVMListDoc(r lvm.Report) lvmListDoc {
	doc := lvmListDoc{Complaint: orNull(r.Complaint)}
	for _, g := range r.Groups {
		doc.VolumeGroups = append(doc.VolumeGroups, volumeGroupDoc{g.Name, g.UUID, g.Size, g.Free, g.Extent, g.PhysicalVolumes, g.Missing, g.VolumeCount, g.Exported})
	}
	for _, v := range r.Physical {
		doc.PhysicalVolumes = append(doc.PhysicalVolumes, physicalVolumeDoc{v.Device, v.UUID, orNull(v.Group), v.Size, v.Free, v.Missing})
	}
	for _, v := range r.Volumes {
		doc.LogicalVolumes = append(doc.LogicalVolumes, logicalVolumeDoc{v.Name, v.Group, v.UUID, orNull(v.Path), v.Size, v.Layout, v.Active,
			orNull(v.Pool), orNull(v.Origin), v.DataPercent, v.MetadataPercent, v.Tags, orNull(v.Health)})
	}
	return doc
}

func (p *page) lvm(doc lvmListDoc) {
	t := newTable("volume group", ">size", ">free", ">pvs", ">missing", ">lvs")
	for _, g := range doc.VolumeGroups {
		t.row(g.Name, spaceText(g.SizeBytes), spaceText(g.FreeBytes), g.PhysicalVolumes, g.Missing, g.LogicalVolumes)
	}
	p.table(t, "no volume groups")
	t = newTable("physical volume", "volume group", ">size", ">free", "note")
	for _, v := range doc.PhysicalVolumes {
		note := ""
		if v.Missing {
			note = "missing"
		}
		t.row(v.Device, v.Group, spaceText(v.SizeBytes), spaceText(v.FreeBytes), note)
	}
	p.part(t)
	t = newTable("logical volume", ">size", "layout", "in", ">data %", ">metadata %", "health")
	for _, v := range doc.LogicalVolumes {
		in := v.ThinPool
		if in == nil {
			in = v.Origin
		}
		t.row(v.Group+"/"+v.Name, spaceText(v.SizeBytes), strings.Join(v.Layout, ", "), in, formatted(v.DataPercent, "%.1f"), formatted(v.MetadataPercent, "%.1f"), v.health())
	}
	p.part(t)
	if doc.Complaint != nil {
		p.blank()
		p.line("LVM says: %s", *doc.Complaint)
	}
}

// part is a table after a blank line, when there is something in it.
func (p *page) part(t *table) {
	if len(t.rows) > 0 {
		p.blank()
		p.table(t, "")
	}
}

func (v logicalVolumeDoc) health() string {
	switch {
	case v.Health != nil:
		return *v.Health
	case !v.Active:
		return "not active"
	}
	return "ok"
}
