package dataset

import (
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/zfs"
)

// Prefix begins the names that calypso gives snapshots itself.
const Prefix = "calypso-"

// DefaultShort is the name of a snapshot that nobody named.
func DefaultShort(now time.Time) string { return Prefix + now.UTC().Format("20060102T150405Z") }

// check refuses what can be the name of nothing here; kinds are those of Types.
func check(name string) error {
	switch {
	case strings.Contains(name, "@"):
		return zfs.CheckSnapshot(name)
	case strings.Contains(name, "#"):
		return zfs.CheckSnapshot(strings.Replace(name, "#", "@", 1)) // the same rules
	}
	return zfs.CheckDataset(name)
}

// checkTag refuses tags that zfs would take for a flag. It checks the rest itself.
func checkTag(tag string) error {
	if tag == "" || strings.HasPrefix(tag, "-") || strings.ContainsAny(tag, "\t\n") {
		return errcode.New(errcode.NameInvalid, "", "%q cannot be the tag of a hold", tag).WithHint("use a word such as calypso, not beginning with '-'")
	}
	return nil
}

// checkProperty refuses names that zfs would take for a flag, or for two of its arguments.
func checkProperty(name string) error {
	if name == "" || strings.HasPrefix(name, "-") || strings.ContainsAny(name, "=,\t\n ") {
		return errcode.New(errcode.PropertyInvalid, "", "%q is not the name of a property", name)
	}
	return nil
}

// Lock is the lock of every change of a dataset and its snapshots.
func Lock(name string) string { return "dataset-" + name }
