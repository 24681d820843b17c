package lvm

import (
	"context"
	"strconv"
	"strings"

	"calypso/sys/errcode"
)

// NewVolume is a logical volume to make.
type NewVolume struct {
	Group, Name string
	Size        int64  // in bytes; LVM rounds up to whole extents
	Pool        string // the thin pool to make it in; "" for a linear volume
	Tag         string
}

// Create makes a logical volume. What an earlier owner left on its blocks is wiped as far as it looks like
// a file system, so that nothing takes it for one.
func (t Tools) Create(ctx context.Context, v NewVolume) error {
	args := []string{"--yes", "--wipesignatures", "y", "--addtag", v.Tag, "--name", v.Name}
	if v.Pool != "" {
		args = append(args, "--virtualsize", inBytes(v.Size), "--thinpool", v.Group+"/"+v.Pool)
	} else {
		args = append(args, "--size", inBytes(v.Size), v.Group)
	}
	_, err := t.run(ctx, v.Group+"/"+v.Name, "lvcreate", args...)
	return err
}

// Grow makes a volume larger; what is on it is not touched.
func (t Tools) Grow(ctx context.Context, v Volume, size int64) error {
	_, err := t.run(ctx, v.FullName(), "lvextend", "--size", inBytes(size), v.FullName())
	return err
}

// Remove destroys a volume. It takes the snapshots of it with it: the caller refuses when there are some.
func (t Tools) Remove(ctx context.Context, v Volume) error {
	_, err := t.run(ctx, v.FullName(), "lvremove", "--yes", v.FullName())
	return err
}

func inBytes(n int64) string { return strconv.FormatInt(n, 10) + "b" }

// CheckName refuses what cannot be the name of a volume group or logical volume (lvm(8), VALID NAMES).
func CheckName(name string) error {
	const valid = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-"
	switch {
	case name == "" || len(name) > 127, name == "." || name == "..", name[0] == '-', strings.Trim(name, valid) != "":
		return errcode.New(errcode.NameInvalid, name, "names of LVM have letters, digits and + _ . -, do not begin with - and have at most 127 characters")
	case strings.HasPrefix(name, "snapshot"), strings.HasPrefix(name, "pvmove"):
		return errcode.New(errcode.NameInvalid, name, "LVM keeps names that begin with snapshot or pvmove for itself")
	}
	for _, part := range []string{"_cdata", "_cmeta", "_corig", "_cpool", "_cvol", "_iorig", "_mimage", "_mlog", "_pmspare",
		"_rimage", "_rmeta", "_tdata", "_tmeta", "_vdata", "_vorigin", "_wcorig"} {
		if strings.Contains(name, part) {
			return errcode.New(errcode.NameInvalid, name, "LVM keeps names with %s for itself", part)
		}
	}
	return nil
}
