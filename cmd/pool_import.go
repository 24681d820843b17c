package cmd

import (
	"context"
	"strings"

	"calypso/sys/proc"
	"calypso/zfs"
	"calypso/zfs/vdev"
)

func poolImportCommand() *command {
	return &command{
		Name: "import", Summary: "take in a pool, or list those that can be taken in",
		Description: `Without POOL it lists the pools on the disks of this host that are not imported, with what is wrong with each. POOL is a name or the id of that list; two pools of one name are told apart by id.

A pool that another host used last and did not export is refused: two hosts that have one pool imported at a time destroy it. --force imports it when that host is known to be off, or to have no path to the disks.`,
		Args: []arg{{Name: "POOL", Usage: "name or id of the pool; without it they are listed", Optional: true}},
		Flags: []flag{
			stringFlag("rename", "NAME", "give the pool another name, for good"),
			boolFlag("readonly", "write nothing to the pool; its datasets are read-only"),
			boolFlag("force", "though another host used it last and did not export it"),
			boolFlag("destroyed", "a pool that was destroyed"),
			stringsFlag("dir", "DIR", "look in this directory, in place of the disks of the host").Files(),
			boolFlag("missing-log", "though its log device is missing: the last writes may be lost"),
			boolFlag("no-mount", "mount none of its datasets"),
		},
		Examples: []example{
			{"calypso pool import", "what can be imported"},
			{"calypso pool import tank", "take the pool in"},
			{"calypso pool import 8047249306353710733 --rename old", "one of two pools of the same name"},
			{"calypso pool import --destroyed tank", "bring a destroyed pool back"},
		},
		Exits: poolExits, Mutates: true,
		Run: runPoolImport,
	}
}

// poolImportDoc is `calypso pool import --json`: without POOL the candidates, with it which one was imported.
type poolImportDoc struct {
	Candidates []candidateDoc `json:"candidates"`
	Imported   *string        `json:"imported"`
	ID         *string        `json:"id"`
	Command    *string        `json:"command"`
}

type candidateDoc struct {
	Name      string               `json:"name"`
	ID        string               `json:"id"`
	State     string               `json:"state"`
	Destroyed bool                 `json:"destroyed"`
	OtherHost bool                 `json:"other_host"`
	Status    *string              `json:"status"`
	Action    *string              `json:"action"`
	Comment   *string              `json:"comment"`
	Missing   []string             `json:"missing"`
	Devices   []candidateDeviceDoc `json:"devices"`
}

type candidateDeviceDoc struct {
	Depth int     `json:"depth"`
	Name  string  `json:"name"`
	State *string `json:"state"`
	Note  *string `json:"note"`
}

func runPoolImport(ctx context.Context, inv *invocation) (err error) {
	search := vdev.Search{Dirs: inv.strs("dir"), Destroyed: inv.flag("destroyed")}
	if _, err := zfsTools().States(); err != nil { // says that the module is missing
		return err
	}
	if inv.arg("POOL") != "" {
		return inv.importPool(ctx, search)
	}
	for _, name := range []string{"rename", "readonly", "force", "missing-log", "no-mount"} {
		if inv.isSet(name) {
			return usageErrorf("--%s wants the name of a POOL with it", name)
		}
	}
	list, err := search.Candidates(ctx, zfsTools())
	if err != nil {
		return err
	}
	var doc poolImportDoc
	for _, c := range list {
		doc.Candidates = append(doc.Candidates, newCandidateDoc(c))
	}
	return inv.emit(doc, func(p *page) { p.candidates(list) })
}

func newCandidateDoc(c vdev.Candidate) candidateDoc {
	doc := candidateDoc{validText(c.Name), c.GUID, c.State, c.Destroyed, c.OtherHost, orNull(c.Status), orNull(c.Action), orNull(validText(c.Comment)), c.Missing(), nil}
	for _, d := range c.Devices {
		doc.Devices = append(doc.Devices, candidateDeviceDoc{d.Depth, validText(d.Name), orNull(d.State), orNull(d.Note)})
	}
	return doc
}

func (p *page) candidates(list []vdev.Candidate) {
	t := newTable("pool", "id", "state", "remarks")
	for _, c := range list {
		var remarks []string
		if c.Destroyed {
			remarks = append(remarks, "destroyed")
		}
		if c.OtherHost {
			remarks = append(remarks, "in use by another host, or not exported there")
		}
		if missing := c.Missing(); len(missing) > 0 {
			remarks = append(remarks, "missing: "+strings.Join(missing, ", "))
		}
		t.row(c.Name, c.GUID, c.State, strings.Join(remarks, "; "))
	}
	p.table(t, "no pools to import")
}

func (inv *invocation) importPool(ctx context.Context, search vdev.Search) (err error) {
	release, err := inv.lockAll(ctx, zfs.LockDisks)
	if err != nil {
		return err
	}
	defer closeInto(&err, release)
	list, err := search.Candidates(ctx, zfsTools())
	if err != nil {
		return err
	}
	pick, err := vdev.Pick(list, inv.arg("POOL"))
	if err != nil {
		return err
	}
	i := vdev.Import{Search: search, Pool: pick, Rename: inv.str("rename"), ReadOnly: inv.flag("readonly"), Force: inv.flag("force"),
		MissingLog: inv.flag("missing-log"), NoMount: inv.flag("no-mount")}
	if err := inv.checkImport(i); err != nil {
		return err
	}
	its, err := inv.lockAll(ctx, zfs.LockPool(i.Name()))
	if err != nil {
		return err
	}
	defer closeInto(&err, its)
	if !inv.dryRun {
		if err := i.Do(ctx, zfsTools()); err != nil {
			return err
		}
	}
	command := proc.CommandLine(append([]string{"zpool"}, i.Args()...))
	doc := poolImportDoc{Imported: orNull(i.Name()), ID: orNull(pick.GUID), Command: &command}
	return inv.emit(doc, func(p *page) {
		if inv.dryRun {
			p.line("would import pool %s (id %s, %s): %s", i.Name(), pick.GUID, pick.State, command)
			return
		}
		p.line("imported pool %s (id %s, %s)", i.Name(), pick.GUID, pick.State)
	})
}

// checkImport holds the new name and the pool to what can be imported.
func (inv *invocation) checkImport(i vdev.Import) error {
	if inv.isSet("rename") {
		if err := zfs.CheckPool(i.Rename); err != nil {
			return err
		}
	}
	if err := notImported(i.Name()); err != nil {
		return err
	}
	return i.Check()
}
