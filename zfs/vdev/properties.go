package vdev

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Property is one that a new pool gets.
type Property struct {
	Name, Value string
	Dataset     bool   // of the root dataset (zfsprops(7)), not of the pool (zpoolprops(7))
	Chosen      bool   // by the user, not by us
	Why         string // of a default of ours
}

// Defaults are what a pool for backups should have, with what the user chose in its place: "name=value".
func Defaults(found []Found, pool, dataset []string) ([]Property, error) {
	list := []Property{
		ashift(found),
		{Name: "autoexpand", Value: "on", Why: "larger disks give their space when all are replaced"},
		autotrim(found),
		{Name: "failmode", Value: "continue", Why: "new writes get an error, as far as ZFS can, when the disks are lost"},
		{Name: "compression", Value: "lz4", Dataset: true, Why: "costs next to nothing, stops on what is compressed already"},
		{Name: "atime", Value: "off", Dataset: true, Why: "reading a backup writes nothing"},
		{Name: "xattr", Value: "sa", Dataset: true, Why: "attributes are kept with the file, not in a directory of their own"},
		{Name: "acltype", Value: "posix", Dataset: true, Why: "ACLs of restored files are kept"},
	}
	list, err := choose(list, pool, false)
	if err != nil {
		return nil, err
	}
	return choose(list, dataset, true)
}

// choose puts the user's properties in the place of ours, or after them.
func choose(list []Property, given []string, dataset bool) ([]Property, error) {
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usagef("%q is no property: want NAME=VALUE", text)
		}
		p := Property{Name: name, Value: value, Dataset: dataset, Chosen: true}
		at := slices.IndexFunc(list, func(q Property) bool { return q.Name == name && q.Dataset == dataset })
		switch {
		case at < 0:
			list = append(list, p)
		case list[at].Chosen:
			return nil, usagef("the property %s is given twice", name)
		default:
			list[at] = p
		}
	}
	return list, nil
}

// ashift is the power of two of the largest block that a disk writes at once, at least 12: disks of 512 bytes
// are replaced by such of 4096 one day, and a pool cannot change it.
func ashift(found []Found) Property {
	shift, why := 12, "blocks of 4 KiB; cannot be changed later"
	for _, f := range found {
		size := max(f.Disk.PhysicalBlock, f.Disk.LogicalBlock)
		if n := bits.Len64(uint64(max(size, 1))) - 1; n > shift && n <= 16 {
			shift, why = n, fmt.Sprintf("%s writes blocks of %d bytes; cannot be changed later", f.Disk.Name, size)
		}
	}
	return Property{Name: "ashift", Value: fmt.Sprint(shift), Why: why}
}

// autotrim is on when all disks are solid-state.
func autotrim(found []Found) Property {
	rotates := func(f Found) bool { return f.Disk.Rotational || f.Disk.Name == "" }
	if len(found) > 0 && !slices.ContainsFunc(found, rotates) {
		return Property{Name: "autotrim", Value: "on", Why: "all disks are solid-state"}
	}
	return Property{Name: "autotrim", Value: "off", Why: "not all disks are solid-state"}
}

// propertyArgs are the words for zpool create.
func propertyArgs(list []Property) []string {
	var words []string
	for _, p := range list {
		flag := "-o"
		if p.Dataset {
			flag = "-O"
		}
		words = append(words, flag, p.Name+"="+p.Value)
	}
	return words
}
