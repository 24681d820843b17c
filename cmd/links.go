package cmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"calypso/sys/errcode"
)

func linksCommand() *command {
	return &command{
		Name: "links", Summary: "make or remove the links that run a group by its own name", Mutates: true, ObjectFlag: "dir",
		Description: `Makes symbolic links to calypso, each of which runs one group: called as calypso-lto or lto, it is 'calypso lto'.
What is there already under one of the names and is no link to calypso stays as it is and is reported.

Links that are right already are left alone, so the command may be repeated.`,
		Flags: []flag{
			stringFlag("dir", "DIR", "the directory for the links").Files().Required(),
			boolFlag("remove", "remove the links instead"),
		},
		Examples: []example{
			{"calypso links --dir /usr/local/sbin", "make the links"},
			{"calypso links --dir /usr/local/sbin --remove", "remove them"},
		},
		Exits: []errcode.Exit{errcode.ExitPartial, errcode.ExitNotFound},
		Run:   runLinks,
	}
}

// linksDoc is `calypso links --json`.
type linksDoc struct {
	Directory string    `json:"directory"`
	Target    string    `json:"target"`
	Links     []linkDoc `json:"links"`
}

// linkDoc is one link and what happened to it.
type linkDoc struct {
	Name   string  `json:"name"`
	Action string  `json:"action"` // made, removed, unchanged, skipped
	Error  *string `json:"error"`
}

func runLinks(_ context.Context, inv *invocation) error {
	dir := inv.str("dir")
	if info, err := os.Stat(dir); err != nil {
		return errcode.New(errcode.FileNotFound, dir, "%w", bareCause(err))
	} else if !info.IsDir() {
		return errcode.New(errcode.DestinationInvalid, dir, "not a directory")
	}
	target, err := linkTarget(dir)
	if err != nil {
		return err
	}
	doc, skipped := linksDoc{Directory: dir, Target: target}, 0
	for _, name := range linkNames(root()) {
		link := changeLink(filepath.Join(dir, name), target, inv.flag("remove"), inv.dryRun)
		if link.Error != nil {
			skipped++
		}
		doc.Links = append(doc.Links, link)
	}
	if err := inv.emit(doc, doc.page); err != nil || skipped == 0 {
		return err
	}
	return errcode.New(errcode.Partial, dir, "%d of %d names were left as they are", skipped, len(doc.Links)).
		WithHint("the list says why")
}

func (d linksDoc) page(p *page) {
	t := newTable("name", "action", "error")
	for _, l := range d.Links {
		t.row(l.Name, l.Action, l.Error)
	}
	p.table(t, "no links")
}

// linkNames are the names of the links, sorted: calypso-GROUP for each group, and the bare names.
func linkNames(top *command) []string {
	var names []string
	for _, n := range newCompletionTree(top).names() {
		names = append(names, n[0])
	}
	slices.Sort(names)
	return names
}

// linkTarget is what the links point to: the bare name when calypso is in the directory itself, so
// that the directory can be packed up, else its absolute path.
func linkTarget(dir string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	here, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(here); err == nil && filepath.Dir(self) == real {
		return filepath.Base(self), nil
	}
	return self, nil
}

// changeLink makes or removes one link.
func changeLink(path, target string, remove, dryRun bool) linkDoc {
	link := linkDoc{Name: filepath.Base(path), Action: "unchanged"}
	was, err := os.Readlink(path)
	absent := errors.Is(err, fs.ErrNotExist)
	switch {
	case absent && remove, err == nil && was == target && !remove:
		return link
	case !absent && (err != nil || was != target && !isCalypso(was)):
		return link.skipped("exists and is no link to calypso")
	case remove:
		link.Action, err = "removed", nil
		if !dryRun {
			err = os.Remove(path)
		}
	default:
		link.Action, err = "made", nil
		if !dryRun {
			err = replaceLink(path, target)
		}
	}
	if err != nil {
		return link.skipped(bareCause(err).Error())
	}
	return link
}

func (l linkDoc) skipped(why string) linkDoc {
	l.Action, l.Error = "skipped", &why
	return l
}

// isCalypso says whether a link's target is a calypso, of this or another place.
func isCalypso(target string) bool { return filepath.Base(target) == "calypso" }

// replaceLink puts the link in place at once, so that the name never vanishes.
func replaceLink(path, target string) error {
	temporary := path + ".calypso-new"
	if err := os.Symlink(target, temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return nil
}
