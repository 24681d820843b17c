// Package vdev changes which disks pools are made of: the layout of a new pool and what is wrong with it, pools
// that can be imported, and what may be done with one device of a pool.
//
// Limits: a layout is judged by what zpool-create(8) would refuse and by what would be regretted; whether a disk is
// fast enough for its use is not.
package vdev

import (
	"regexp"
	"strconv"
	"strings"

	"calypso/sys/errcode"
)

// The classes of groups: what a group is for.
const (
	Data    = "data"
	Log     = "log"
	Cache   = "cache"
	Special = "special"
	Dedup   = "dedup"
	Spare   = "spare"
)

// Group is one top-level vdev, or the spares, or the caches.
type Group struct {
	Class   string // Data, Log, ...
	Kind    string // "stripe", "mirror", "raidz1".."raidz3", "draid2:4d:11c:1s" as it was given
	Parity  int    // how many of its disks it can lose; of a mirror all but one
	Members []Member
}

// Member is a disk or file of a group.
type Member struct {
	Word      string   // as the user named it
	Path      string   // as zpool is told
	Node      string   // tells devices apart: the kernel's node, or the file without links
	Serial    string   // "" when unknown
	Identity  string   // the same over all paths to a disk; "" when unknown
	Parts     []string // nodes of the partitions of a disk
	File      bool
	SizeBytes int64
}

// Name is how messages and --confirm name the member: the last part of a lasting name, else the path.
func (m Member) Name() string {
	if _, id, ok := strings.Cut(m.Path, "/disk/by-id/"); ok {
		return id
	}
	return m.Path
}

// Layout is what a pool is made of.
type Layout struct {
	Groups []Group
}

// Members lists all disks and files.
func (l Layout) Members() []*Member {
	var list []*Member
	for i := range l.Groups {
		for j := range l.Groups[i].Members {
			list = append(list, &l.Groups[i].Members[j])
		}
	}
	return list
}

// Of lists the groups of a class.
func (l Layout) Of(class string) []Group {
	var list []Group
	for _, g := range l.Groups {
		if g.Class == class {
			list = append(list, g)
		}
	}
	return list
}

// draid is draid[PARITY][:DATAd][:CHILDRENc][:SPARESs] (zpoolconcepts(7)); the parts may stand in any order.
var draid = regexp.MustCompile(`^draid([123]?)((?::[0-9]+[dcs])*)$`)

var raidz = regexp.MustCompile(`^raidz([123]?)$`)

// parity reads a word that begins a group with redundancy. ok is false for any other word: it is a disk then.
func parity(word string) (n int, ok bool) {
	if word == "mirror" {
		return 0, true // all but one: known when its disks are
	}
	for _, form := range []*regexp.Regexp{raidz, draid} {
		if m := form.FindStringSubmatch(word); m != nil {
			n, _ = strconv.Atoi(m[1])
			return max(n, 1), true
		}
	}
	return 0, false
}

func isClass(word string) bool {
	switch word {
	case Log, Cache, Special, Dedup, Spare:
		return true
	}
	return false
}

// ParseLayout reads the words of zpool-create(8): "mirror A B mirror C D log E spare F". Disks without a word
// before them are a group each; so are those after log, special and dedup, while those after cache and spare are
// one group.
func ParseLayout(words []string) (Layout, error) {
	p := layoutParser{class: Data}
	for _, word := range words {
		if err := p.take(word); err != nil {
			return Layout{}, err
		}
	}
	if err := p.close(); err != nil {
		return Layout{}, err
	}
	if len(p.layout.Of(Data)) == 0 {
		return Layout{}, usagef("a pool needs a disk for data: a %s alone is none", strings.Join(words, " "))
	}
	return p.layout, nil
}

type layoutParser struct {
	layout Layout
	class  string
	began  string // the word that began the class, while it has no disk yet
	open   *Group // a mirror, raidz or draid that takes disks
}

func (p *layoutParser) take(word string) error {
	n, redundant := parity(word)
	switch {
	case word == "":
		return usagef("a disk without a name")
	case isClass(word):
		if err := p.close(); err != nil {
			return err
		}
		p.class, p.began = word, word
	case redundant && (p.class == Cache || p.class == Spare):
		return usagef("%s cannot be %s: it takes disks alone", p.class, word)
	case redundant:
		if err := p.closeGroup(); err != nil {
			return err
		}
		p.open = &Group{Class: p.class, Kind: word, Parity: n}
	default:
		p.add(Member{Word: word})
	}
	return nil
}

func (p *layoutParser) add(m Member) {
	p.began = ""
	groups := p.layout.Groups
	switch {
	case p.open != nil:
		p.open.Members = append(p.open.Members, m)
	case (p.class == Cache || p.class == Spare) && len(groups) > 0 && groups[len(groups)-1].Class == p.class:
		last := &groups[len(groups)-1]
		last.Members = append(last.Members, m)
	default:
		p.layout.Groups = append(groups, Group{Class: p.class, Kind: "stripe", Members: []Member{m}})
	}
}

// close ends a class.
func (p *layoutParser) close() error {
	open := p.open
	if err := p.closeGroup(); err != nil {
		return err
	}
	if p.began != "" && open == nil {
		return usagef("%s without a disk", p.began)
	}
	return nil
}

// closeGroup ends a mirror, raidz or draid and holds it to the least number of disks that zpool takes.
func (p *layoutParser) closeGroup() error {
	g := p.open
	if g == nil {
		return nil
	}
	p.open, p.began = nil, ""
	least := g.Parity + 1
	if g.Kind == "mirror" {
		least = 2
		g.Parity = len(g.Members) - 1
	}
	if len(g.Members) < least {
		return usagef("%s needs at least %d disks; it has %d", g.Kind, least, len(g.Members))
	}
	p.layout.Groups = append(p.layout.Groups, *g)
	return nil
}

// Args are the words for zpool, with the paths of the members.
func (l Layout) Args() []string {
	var words []string
	class := Data
	for _, g := range l.Groups {
		if g.Class != class {
			words = append(words, g.Class)
			class = g.Class
		}
		if g.Kind != "stripe" {
			words = append(words, g.Kind)
		}
		for _, m := range g.Members {
			words = append(words, m.Path)
		}
	}
	return words
}

func usagef(format string, args ...any) error {
	return errcode.New(errcode.Usage, "", format, args...)
}
