package lvm

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"calypso/sys/errcode"
)

// Report is what LVM has, at one time.
type Report struct {
	Groups    []Group
	Physical  []Physical
	Volumes   []Volume
	Complaint string // what LVM said beside its answer: of a device that is missing, for instance
}

// Group is a volume group.
type Group struct {
	Name, UUID                   string
	Size, Free, Extent           int64 // in bytes
	Missing                      int   // physical volumes that are not there
	PhysicalVolumes, VolumeCount int
	Exported                     bool
}

// Physical is a physical volume. Group is "" for one that is in none.
type Physical struct {
	Device, UUID, Group string
	Size, Free          int64 // in bytes
	Missing             bool
}

// Volume is a logical volume. Path is "" for one that is not for use by itself, such as a thin pool.
type Volume struct {
	Name, Group, UUID, Path string
	Size                    int64    // in bytes; of a thin one what it pretends to have
	Layout                  []string // lvs(8) lv_layout: linear; thin and pool; thin and sparse; raid, raid1; …
	Active                  bool
	Pool, Origin            string   // the thin pool it is in; what it is a snapshot of
	DataPercent             *float64 // how full a thin pool or a snapshot is; nil for others
	MetadataPercent         *float64
	Tags                    []string
	Health                  string // lv_health_status: "" is well; "partial", "out_of_data", "metadata_read_only", …
}

// FullName is VG/LV.
func (v Volume) FullName() string { return v.Group + "/" + v.Name }

// IsThinPool says whether thin volumes can be made in it.
func (v Volume) IsThinPool() bool {
	return slices.Contains(v.Layout, "thin") && slices.Contains(v.Layout, "pool")
}

// reportArgs ask for all that Report holds and nothing else. seg and pvseg cannot be left out.
var reportArgs = strings.Fields(`fullreport --reportformat json --units b --nosuffix
	--configreport vg -o vg_name,vg_uuid,vg_size,vg_free,vg_extent_size,vg_missing_pv_count,vg_exported
	--configreport pv -o pv_name,pv_uuid,vg_name,pv_size,pv_free,pv_missing
	--configreport lv -o lv_name,vg_name,lv_uuid,lv_path,lv_size,lv_layout,lv_active,pool_lv,origin,data_percent,metadata_percent,lv_tags,lv_health_status
	--configreport seg -o lv_name --configreport pvseg -o pv_name`)

// Report asks LVM for everything.
func (t Tools) Report(ctx context.Context) (Report, error) {
	out, err := t.run(ctx, "lvm", "lvm", reportArgs...)
	if err != nil {
		return Report{}, err
	}
	return parseReport(out)
}

// fields are one row: LVM gives every value as text.
type fields map[string]string

type answer struct {
	Report []struct {
		VG, PV, LV []fields
	}
	Log []fields
}

func parseReport(data []byte) (Report, error) {
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return Report{}, errcode.New(errcode.StorageUnsupported, "lvm", "its report is not understood: %w", err)
	}
	var r Report
	row := &reader{}
	for _, part := range a.Report {
		for _, f := range part.VG {
			r.Groups = append(r.Groups, row.group(f, len(part.PV), len(part.LV)))
		}
		for _, f := range part.PV {
			r.Physical = append(r.Physical, row.physical(f))
		}
		for _, f := range part.LV {
			r.Volumes = append(r.Volumes, row.volume(f))
		}
	}
	r.Complaint = complaints(a.Log)
	if row.err != nil {
		return Report{}, errcode.New(errcode.StorageUnsupported, "lvm", "its report is not understood: %w", row.err)
	}
	return r, nil
}

// reader keeps the first flaw of a report.
type reader struct{ err error }

func (r *reader) group(f fields, pvs, lvs int) Group {
	return Group{Name: f["vg_name"], UUID: f["vg_uuid"], Size: r.bytes(f, "vg_size"), Free: r.bytes(f, "vg_free"),
		Extent: r.bytes(f, "vg_extent_size"), Missing: int(r.bytes(f, "vg_missing_pv_count")),
		PhysicalVolumes: pvs, VolumeCount: lvs, Exported: f["vg_exported"] != ""}
}

func (r *reader) physical(f fields) Physical {
	return Physical{Device: f["pv_name"], UUID: f["pv_uuid"], Group: f["vg_name"],
		Size: r.bytes(f, "pv_size"), Free: r.bytes(f, "pv_free"), Missing: f["pv_missing"] != ""}
}

func (r *reader) volume(f fields) Volume {
	return Volume{Name: f["lv_name"], Group: f["vg_name"], UUID: f["lv_uuid"], Path: f["lv_path"],
		Size: r.bytes(f, "lv_size"), Layout: list(f["lv_layout"]), Active: f["lv_active"] != "",
		Pool: f["pool_lv"], Origin: f["origin"], Tags: list(f["lv_tags"]), Health: f["lv_health_status"],
		DataPercent: r.percent(f, "data_percent"), MetadataPercent: r.percent(f, "metadata_percent")}
}

func (r *reader) bytes(f fields, key string) int64 {
	n, err := strconv.ParseInt(f[key], 10, 64)
	if (err != nil || n < 0) && r.err == nil {
		r.err = fmt.Errorf("%s is %q", key, f[key])
	}
	return n
}

// percent is nil where LVM says nothing: the value does not apply, or the volume is not active.
func (r *reader) percent(f fields, key string) *float64 {
	if f[key] == "" {
		return nil
	}
	n, err := strconv.ParseFloat(f[key], 64)
	if (err != nil || !(n >= 0)) && r.err == nil { // not NaN either
		r.err = fmt.Errorf("%s is %q", key, f[key])
	}
	return &n
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// complaints are the warnings and errors, each once.
func complaints(log []fields) string {
	var said []string
	for _, f := range log {
		text := strings.TrimPrefix(f["log_message"], "WARNING: ")
		if f["log_type"] != "status" && text != "" && !slices.Contains(said, text) {
			said = append(said, text)
		}
	}
	return strings.Join(said, "; ")
}

// Group finds a volume group.
func (r Report) Group(name string) (Group, error) {
	for _, g := range r.Groups {
		if g.Name == name {
			return g, nil
		}
	}
	e := errcode.New(errcode.VolumeNotFound, name, "no such volume group").WithHint("'calypso lvm list' shows what there is")
	if r.Complaint != "" {
		e.WithState("LVM says: %s", r.Complaint)
	}
	return Group{}, e
}

// Volume finds a logical volume.
func (r Report) Volume(group, name string) (Volume, error) {
	if _, err := r.Group(group); err != nil {
		return Volume{}, err
	}
	for _, v := range r.Volumes {
		if v.Group == group && v.Name == name {
			return v, nil
		}
	}
	return Volume{}, errcode.New(errcode.VolumeNotFound, group+"/"+name, "no such logical volume").
		WithHint("'calypso lvm list' shows what there is")
}

// SnapshotsOf are the snapshots of a volume: lvremove(8) takes them with it, unasked.
func (r Report) SnapshotsOf(v Volume) []Volume {
	var found []Volume
	for _, s := range r.Volumes {
		if s.Group == v.Group && s.Origin == v.Name {
			found = append(found, s)
		}
	}
	return found
}
