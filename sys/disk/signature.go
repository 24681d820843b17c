package disk

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"calypso/sys/errcode"
	"calypso/sys/run"
)

// Signature is what says that a device holds something: a file system, a member of a pool or of a volume
// group, a partition table.
type Signature struct {
	Node  string // the device or file it is on: the disk or one of its partitions
	Type  string // as libblkid names it: "ext4", "zfs_member", "LVM2_member", "gpt"
	Label string // "" when it has none; of a zfs_member the name of the pool
	UUID  string // of a zfs_member the pool's GUID in decimal
}

// String is "ext4 \"backup\" on /dev/sda1".
func (s Signature) String() string {
	what := s.Type
	switch s.Type {
	case "zfs_member":
		what = "member of a ZFS pool"
	case "LVM2_member":
		what = "LVM physical volume"
	case "linux_raid_member":
		what = "member of an md array"
	case "gpt", "dos", "PMBR", "atari", "sun", "mac", "bsd":
		what = s.Type + " partition table"
	}
	if s.Label != "" {
		what += fmt.Sprintf(" %q", s.Label)
	}
	return what + " on " + s.Node
}

// Signatures lists what is written on a block device and its partitions, or in a file. Each kind of thing is
// listed once for each device.
func (h Host) Signatures(ctx context.Context, path string) ([]Signature, error) {
	nodes := []string{path}
	if name, err := h.blockName(path); err == nil {
		nodes = []string{filepath.Join(h.Dev, strings.ReplaceAll(name, "!", "/"))}
		for _, p := range h.partitions(name) {
			nodes = append(nodes, filepath.Join(h.Dev, strings.ReplaceAll(p, "!", "/")))
		}
	}
	var all []Signature
	for _, node := range nodes {
		list, err := h.probe(ctx, node)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// probe asks wipefs, which without --all only looks. Unlike blkid it lists all that is there: blkid gives
// nothing but an exit status when it finds two.
func (h Host) probe(ctx context.Context, node string) ([]Signature, error) {
	r, err := h.Runner.Run(ctx, run.Cmd{Name: "wipefs", Args: []string{"--json", "--no-act", "--", node}, Package: "util-linux"})
	if err != nil {
		return nil, errcode.New(errcode.DeviceError, node, "cannot be read: %w", err).WithHint("look at the disk and the kernel's log")
	}
	list, err := parseSignatures(r.Stdout)
	if err != nil {
		return nil, fmt.Errorf("the answer of wipefs about %s: %w", node, err)
	}
	for i := range list {
		list[i].Node = node
	}
	return list, nil
}

// parseSignatures reads the JSON of wipefs; a zfs_member has one entry for each uberblock, so equal ones count
// once.
func parseSignatures(data []byte) ([]Signature, error) {
	if strings.TrimSpace(string(data)) == "" {
		return nil, nil
	}
	var answer struct {
		Signatures []struct {
			Type        string
			UUID, Label *string
		}
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, err
	}
	var list []Signature
	for _, found := range answer.Signatures {
		s := Signature{Type: found.Type}
		if found.Label != nil {
			s.Label = *found.Label
		}
		if found.UUID != nil {
			s.UUID = *found.UUID
		}
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list, nil
}
