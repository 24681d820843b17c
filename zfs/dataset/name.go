package dataset

import (
	"strings"
	"time"

	"calypso/sys/errcode"
)

// Prefix begins the names that calypso gives snapshots itself.
const Prefix = "calypso-"

// DefaultShort is the name of a snapshot that nobody named.
func DefaultShort(now time.Time) string { return Prefix + now.UTC().Format("20060102T150405Z") }

// pool is the pool that a dataset, snapshot or bookmark is in.
func pool(name string) string {
	if end := strings.IndexAny(name, "/@#"); end >= 0 {
		return name[:end]
	}
	return name
}

// checkTag refuses tags that zfs would take for a flag. It checks the rest itself.
func checkTag(tag string) error {
	if tag == "" || strings.HasPrefix(tag, "-") || strings.ContainsAny(tag, "\t\n") {
		return errcode.New(errcode.Usage, tag, "not a tag for a hold").WithHint("use a word such as calypso, not beginning with '-'")
	}
	return nil
}

// checkProperty refuses names of properties that zfs would take for a flag, or for two of its arguments.
func checkProperty(name string) error {
	if name == "" || strings.HasPrefix(name, "-") || strings.ContainsAny(name, "=,\t\n ") {
		return errcode.New(errcode.Usage, name, "%q is not the name of a property", name)
	}
	return nil
}
