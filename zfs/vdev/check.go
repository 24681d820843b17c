package vdev

import (
	"fmt"
	"strings"

	"calypso/sys/errcode"
)

const (
	// Minimum is SPA_MINDEVSIZE, the least that a device of a pool has, in bytes.
	Minimum = 64 << 20
	// fuzz is ZPOOL_FUZZ: sizes that differ by less are equal to zpool.
	fuzz = 16 << 20
)

// Check refuses a layout whose disks are known (Members filled in) when it makes no sense or would be regretted.
// With uneven, groups may differ in redundancy and disks of one group in size.
func (l Layout) Check(uneven bool) error {
	if err := l.checkTwice(); err != nil {
		return err
	}
	if err := l.checkSmall(); err != nil {
		return err
	}
	if uneven {
		return nil
	}
	if err := l.checkMixed(); err != nil {
		return err
	}
	if err := l.checkSizes(); err != nil {
		return err
	}
	return l.checkRedundancy()
}

// checkTwice finds a disk that is named twice, be it by different names, two paths to one disk, and a disk beside
// its own partition, which goes when the disk is partitioned for the pool.
func (l Layout) checkTwice() error {
	nodes, disks := map[string]*Member{}, map[string]*Member{}
	for _, m := range l.Members() {
		if other := nodes[m.Node]; other != nil {
			return refusef(m.Word, "the same disk is there twice: %s and %s are both %s", other.Word, m.Word, m.Node)
		}
		nodes[m.Node] = m
		if other := disks[m.Identity]; other != nil && m.Identity != "" {
			return refusef(m.Word, "%s and %s have the same serial number %s: one disk over two paths", other.Word, m.Word, m.Serial)
		}
		disks[m.Identity] = m
	}
	for _, m := range l.Members() {
		for _, part := range m.Parts {
			if other := nodes[part]; other != nil {
				return refusef(m.Word, "the same disk is there twice: %s is a partition of %s", other.Word, m.Word)
			}
		}
	}
	return nil
}

func (l Layout) checkSmall() error {
	for _, m := range l.Members() {
		if m.SizeBytes < Minimum {
			return refusef(m.Word, "too small: it has %d MiB, a pool takes disks from %d MiB", m.SizeBytes>>20, Minimum>>20)
		}
	}
	return nil
}

func (l Layout) checkMixed() error {
	files, disks := 0, 0
	for _, m := range l.Members() {
		if m.File {
			files++
		} else {
			disks++
		}
	}
	if files > 0 && disks > 0 {
		return unevenf("the pool would be of %d files and %d disks", files, disks)
	}
	return nil
}

// checkSizes: a mirror or raidz uses of each disk as much as the smallest has.
func (l Layout) checkSizes() error {
	for _, g := range l.Groups {
		if g.Kind == "stripe" {
			continue
		}
		least, most := g.Members[0], g.Members[0]
		for _, m := range g.Members {
			if m.SizeBytes < least.SizeBytes {
				least = m
			}
			if m.SizeBytes > most.SizeBytes {
				most = m
			}
		}
		if most.SizeBytes-least.SizeBytes > fuzz {
			return unevenf("the disks of a %s differ in size: %s has %d bytes, %s has %d, of which as many as the first has would be used",
				g.Kind, least.Name(), least.SizeBytes, most.Name(), most.SizeBytes)
		}
	}
	return nil
}

// checkRedundancy: the pool is lost with any one group of data, special or dedup, so each must bear as much.
func (l Layout) checkRedundancy() error {
	first := l.Of(Data)[0]
	for _, g := range l.Groups {
		switch g.Class {
		case Data:
			if g.Parity != first.Parity || kindOf(g) != kindOf(first) {
				return unevenf("the groups of data differ in redundancy: %s and %s", describe(first), describe(g))
			}
		case Special, Dedup:
			if g.Parity < first.Parity {
				return unevenf("the %s group (%s) bears less than the data (%s), and the pool is lost with it", g.Class, describe(g), describe(first))
			}
		}
	}
	return nil
}

// kindOf is the kind without the numbers of draid.
func kindOf(g Group) string {
	kind, _, _ := strings.Cut(g.Kind, ":")
	return kind
}

func describe(g Group) string {
	if len(g.Members) == 1 {
		return "a single disk"
	}
	return fmt.Sprintf("%s of %d disks", g.Kind, len(g.Members))
}

// Warnings are what a person should know of a layout that can be made.
func (l Layout) Warnings() []string {
	var list []string
	if data := l.Of(Data); data[0].Parity == 0 {
		list = append(list, "no redundancy: the pool is lost with any one of its disks, and damaged data cannot be repaired")
	}
	for _, class := range []string{Special, Dedup} {
		if g := l.Of(class); len(g) > 0 && g[0].Parity == 0 {
			list = append(list, "the pool is lost with its "+class+" disk")
		}
	}
	for _, m := range l.Members() {
		switch {
		case m.File:
			list = append(list, m.Path+" is a file: for trials only")
		case m.Path == m.Node:
			list = append(list, m.Path+" has no lasting name; the kernel may give it another one")
		}
	}
	return list
}

func refusef(object, format string, args ...any) error {
	return errcode.New(errcode.StorageRefused, object, format, args...).WithState("nothing was touched").
		WithHint("'calypso pool disks' lists the disks")
}

func unevenf(format string, args ...any) error {
	return errcode.New(errcode.StorageRefused, "", format, args...).WithState("nothing was touched").
		WithHint("choose other disks, or accept this with --uneven")
}
