package cmd

import (
	"context"

	"calypso/sys/disk"
	"calypso/sys/errcode"
	"calypso/zfs/vdev"
)

// Where the kernel and udev tell of devices; see hostProc.
var hostSys, hostDev, hostUdev = "/sys", "/dev", "/run/udev/data"

// hostDisks is how every verb looks at the disks of the host and at who uses them.
func hostDisks() disk.Host {
	return disk.Host{Sys: hostSys, Dev: hostDev, Proc: hostProc, Udev: hostUdev, Runner: hostTools}
}

func poolDisksCommand() *command {
	return &command{
		Name: "disks", Summary: "list the disks of the host and which can be used for a pool",
		Description: `STATE is free for a disk that nobody uses and that holds nothing known, data for one that holds something (a file system, a partition table, a member of another pool or volume group) and is used only when it is named with --confirm, used for one that something uses now, unfit for one that is too small or read-only, and unreadable.

NAME is what 'calypso pool create' takes: a name that the disk keeps, of /dev/disk/by-id if it has one there.`,
		Examples: []example{
			{"calypso pool disks", "what there is"},
			{"calypso pool disks --json | jq -r '.disks[].path'", "their lasting names, for a script"},
		},
		Exits: []errcode.Exit{errcode.ExitUnsupported},
		Run:   runPoolDisks,
	}
}

// The states of a disk.
const (
	diskFree       = "free"
	diskData       = "data"
	diskUsed       = "used"
	diskUnfit      = "unfit"
	diskUnreadable = "unreadable"
)

// poolDisksDoc is `calypso pool disks --json`.
type poolDisksDoc struct {
	Disks []diskDoc `json:"disks"`
}

type diskDoc struct {
	Name          string            `json:"name"`
	Path          string            `json:"path"`
	Node          string            `json:"node"`
	ByID          []string          `json:"by_id"`
	Kind          string            `json:"kind"`
	SizeBytes     int64             `json:"size_bytes"`
	Model         *string           `json:"model"`
	Serial        *string           `json:"serial"`
	Rotational    bool              `json:"rotational"`
	Removable     bool              `json:"removable"`
	ReadOnly      bool              `json:"read_only"`
	LogicalBlock  int64             `json:"logical_block_bytes"`
	PhysicalBlock int64             `json:"physical_block_bytes"`
	State         string            `json:"state"`
	UsedBy        []deviceHolderDoc `json:"used_by"`
	Holds         []signatureDoc    `json:"holds"`
	Error         *itemErrorDoc     `json:"error"`
}

// deviceHolderDoc is who uses a device, a file or a file system.
type deviceHolderDoc struct {
	Kind    string  `json:"kind"`
	Name    *string `json:"name"`
	PID     *int    `json:"pid"`
	Command *string `json:"command"`
	Node    *string `json:"node"`
}

func newDeviceHolderDocs(list []disk.Holder) []deviceHolderDoc {
	var docs []deviceHolderDoc
	for _, h := range list {
		doc := deviceHolderDoc{Kind: h.Kind, Name: orNull(h.Name), Command: orNull(h.Command), Node: orNull(h.Node)}
		if h.PID > 0 {
			doc.PID = &h.PID
		}
		docs = append(docs, doc)
	}
	return docs
}

// signatureDoc is what a device holds.
type signatureDoc struct {
	Type  string  `json:"type"`
	Label *string `json:"label"`
	UUID  *string `json:"uuid"`
	Node  string  `json:"node"`
}

func newSignatureDocs(list []disk.Signature) []signatureDoc {
	var docs []signatureDoc
	for _, s := range list {
		docs = append(docs, signatureDoc{s.Type, orNull(validText(s.Label)), orNull(validText(s.UUID)), s.Node})
	}
	return docs
}

func runPoolDisks(ctx context.Context, inv *invocation) error {
	h := hostDisks()
	list, err := h.Disks()
	if err != nil {
		return err
	}
	var doc poolDisksDoc
	t := newTable("name", ">size", "model", "serial", "state", "used by, holds")
	for _, d := range list {
		one, why, err := judgeDisk(ctx, h, d)
		if err != nil {
			return err
		}
		doc.Disks = append(doc.Disks, one)
		t.row(one.Name, bytesText(d.SizeBytes), d.Model, d.Serial, one.State, why)
	}
	return inv.emit(doc, func(p *page) { p.table(t, "no disks") })
}

// judgeDisk says whether a disk can be used for a pool, and why not. What cannot be read is an answer too; a
// tool that is missing is none.
func judgeDisk(ctx context.Context, h disk.Host, d disk.Disk) (doc diskDoc, why string, err error) {
	doc = diskDoc{
		Name: vdev.Member{Path: d.Path}.Name(), Path: d.Path, Node: d.Node, ByID: d.ByID, Kind: d.Kind, SizeBytes: d.SizeBytes,
		Model: orNull(validText(d.Model)), Serial: orNull(validText(d.Serial)), Rotational: d.Rotational, Removable: d.Removable, ReadOnly: d.ReadOnly,
		LogicalBlock: d.LogicalBlock, PhysicalBlock: d.PhysicalBlock, State: diskFree,
	}
	holders, err := h.Holders(ctx, d.Node)
	if err == nil && len(holders) > 0 {
		doc.State, doc.UsedBy = diskUsed, newDeviceHolderDocs(holders)
		return doc, disk.Describe(holders), nil
	}
	if unfit := unfitDisk(d); unfit != "" && err == nil {
		doc.State = diskUnfit
		return doc, unfit, nil
	}
	var signatures []disk.Signature
	if err == nil {
		signatures, err = h.Signatures(ctx, d.Node)
	}
	switch errcode.Of(err) {
	case "":
	case errcode.DeviceError, errcode.DeviceNotFound, errcode.Timeout:
		doc.State, doc.Error = diskUnreadable, newItemErrorDoc(err)
		return doc, err.Error(), ctx.Err()
	default:
		return doc, "", err
	}
	if len(signatures) > 0 {
		doc.State, doc.Holds = diskData, newSignatureDocs(signatures)
	}
	return doc, signaturesText(signatures), nil
}

// unfitDisk says why a disk can never be part of a pool; "" when it can.
func unfitDisk(d disk.Disk) string {
	switch {
	case d.ReadOnly:
		return "read-only"
	case d.SizeBytes < vdev.Minimum:
		return "too small"
	}
	return ""
}
