package cmd

import (
	"context"
	"fmt"
	"strings"

	"calypso/sys/errcode"
	"calypso/zfs/dataset"
)

// rollbackDoc is `calypso snapshot rollback --json`.
type rollbackDoc struct {
	Snapshot     string   `json:"snapshot"`
	WrittenBytes int64    `json:"written_since_bytes"`
	Newer        []string `json:"newer"`
	Clones       []string `json:"clones"`
}

func snapshotRollbackCommand() *command {
	return &command{
		Name: "rollback", Summary: "take a dataset back to a snapshot",
		Description: "Takes a file system or volume back to what it was at a snapshot. All that was written since is lost. Newer snapshots and bookmarks would be destroyed with it: they are listed, and it is refused without --destroy-newer, and without --clones when there are clones of them. What is below the dataset is left as it is. A volume in use is refused.\n\nTo look at an old state, 'calypso snapshot clone' loses nothing.",
		Args:        []arg{snapshotArg()},
		Flags:       []flag{boolFlag("destroy-newer", "destroy newer snapshots and bookmarks"), clonesFlag()},
		Examples: []example{
			{"calypso snapshot rollback tank/a@x --dry-run", "what would be lost"},
			{"calypso snapshot rollback tank/a@x --destroy-newer --confirm tank/a@x", "go back"},
		},
		Exits:   append([]errcode.Exit{errcode.ExitPartial}, zfsExits...),
		Mutates: true, Danger: severe,
		Run: runSnapshotRollback,
	}
}

func runSnapshotRollback(ctx context.Context, inv *invocation) error {
	name := inv.arg("SNAPSHOT")
	of, _, _ := strings.Cut(name, "@")
	held, err := inv.lockDatasets(ctx, of)
	if err != nil {
		return err
	}
	defer held.Close()
	store := inv.datasets()
	plan, err := store.PlanRollback(ctx, name)
	if err != nil {
		return err
	}
	doc := rollbackDoc{Snapshot: name, WrittenBytes: plan.Written, Newer: plan.Newer, Clones: plan.AllClones()}
	if err := inv.confirmRollback(ctx, doc); err != nil {
		return err
	}
	if !inv.dryRun {
		if err := store.Roll(ctx, plan); err != nil {
			return err
		}
	}
	return inv.emit(doc, func(p *page) {
		for _, name := range append(doc.Clones, doc.Newer...) {
			p.line("%s %s", inv.done("destroyed", "destroy"), name)
		}
		p.line("%s %s back to %s; written since and lost: %s", inv.done("rolled", "roll"), of, name, spaceText(doc.WrittenBytes))
	})
}

// confirmRollback refuses what the flags do not allow, then asks. A dry run says it all.
func (inv *invocation) confirmRollback(ctx context.Context, doc rollbackDoc) error {
	if inv.dryRun {
		return nil
	}
	refused := func(what string, list []string, flag string) error {
		return errcode.New(errcode.StorageRefused, doc.Snapshot, "%s: %s", what, firstOf(list)).WithState("nothing was touched").
			WithHint("%s destroys them; 'calypso snapshot clone' shows the old state and loses nothing", flag)
	}
	switch {
	case len(doc.Newer) > 0 && !inv.flag("destroy-newer"):
		return refused("newer snapshots and bookmarks are in the way", append(doc.Newer, doc.Clones...), "--destroy-newer")
	case len(doc.Clones) > 0 && !inv.flag("clones"):
		return refused("newer snapshots have clones", doc.Clones, "--clones")
	}
	what := fmt.Sprintf("lose what was written since %s, %s", doc.Snapshot, spaceText(doc.WrittenBytes))
	if gone := append(doc.Clones, doc.Newer...); len(gone) > 0 {
		what += ", and destroy " + firstOf(gone)
	}
	return inv.confirmName(ctx, doc.Snapshot, what)
}

func snapshotCloneCommand() *command {
	return &command{
		Name: "clone", Summary: "make a file system or volume out of a snapshot",
		Description: "Makes a dataset that begins as the snapshot is and can be written. It takes space only for what is changed, and the snapshot cannot be destroyed without it.",
		Args:        []arg{snapshotArg(), {Name: "DATASET", Usage: "the clone, in the same pool"}},
		Flags:       []flag{propertyFlag(), parentsFlag()},
		Examples:    []example{{"calypso snapshot clone tank/db@before tank/db-test", "try something out on a copy"}},
		Exits:       append([]errcode.Exit{errcode.ExitRefused}, zfsExits...),
		Mutates:     true,
		Run:         runSnapshotClone,
	}
}

func runSnapshotClone(ctx context.Context, inv *invocation) error {
	n := dataset.New{Name: inv.arg("DATASET"), Properties: inv.strs("property"), Parents: inv.flag("parents")}
	store := inv.datasets()
	made, err := store.Clone(ctx, inv.arg("SNAPSHOT"), n, inv.dryRun)
	if err != nil {
		return err
	}
	if inv.dryRun { // made is the snapshot then
		kind := dataset.Filesystem
		if made.VolumeSize != nil {
			kind = dataset.Volume
		}
		made = dataset.Dataset{Name: n.Name, Type: kind}
	}
	return inv.emitCreated(ctx, store, made)
}

// holdDoc is `calypso snapshot hold|release --json`.
type holdDoc struct {
	Snapshot string `json:"snapshot"`
	Tag      string `json:"tag"`
	Held     bool   `json:"held"`
	Changed  bool   `json:"changed"`
}

func tagFlag() flag {
	return stringFlag("tag", "TAG", "name of the hold: a snapshot can have several").Default("calypso")
}

func snapshotHoldCommand() *command {
	return &command{
		Name: "hold", Summary: "keep a snapshot from being destroyed",
		Description: "Puts a tag on a snapshot. As long as it has one, nobody can destroy it, nor the dataset with it. A tag that is there already is left as it is.",
		Args:        []arg{snapshotArg()},
		Flags:       []flag{tagFlag(), boolFlag("recursive", "also those of the same name below the dataset").Short("r")},
		Examples:    []example{{"calypso snapshot hold tank/a@x --tag offsite", "keep it until it is offsite"}},
		Exits:       zfsExits,
		Mutates:     true,
		Run:         runSnapshotHold,
	}
}

func runSnapshotHold(ctx context.Context, inv *invocation) error {
	doc := holdDoc{Snapshot: inv.arg("SNAPSHOT"), Tag: inv.str("tag"), Held: true}
	changed, err := inv.datasets().Hold(ctx, doc.Snapshot, doc.Tag, inv.flag("recursive"), inv.dryRun)
	if err != nil {
		return err
	}
	doc.Changed = changed
	return inv.emit(doc, func(p *page) {
		if !changed {
			p.line("%s has the tag %s already", doc.Snapshot, doc.Tag)
			return
		}
		p.line("%s %s by the tag %s", inv.done("held", "hold"), doc.Snapshot, doc.Tag)
	})
}

func snapshotReleaseCommand() *command {
	return &command{
		Name: "release", Summary: "take a hold off a snapshot",
		Description: "Takes a tag off a snapshot. Status 10 when it has no such tag; the message names those that it has.",
		Args:        []arg{snapshotArg()},
		Flags:       []flag{tagFlag(), boolFlag("recursive", "also those of the same name below the dataset").Short("r")},
		Examples:    []example{{"calypso snapshot release tank/a@x --tag offsite", "it is offsite now"}},
		Exits:       zfsExits,
		Mutates:     true,
		Run:         runSnapshotRelease,
	}
}

func runSnapshotRelease(ctx context.Context, inv *invocation) error {
	doc := holdDoc{Snapshot: inv.arg("SNAPSHOT"), Tag: inv.str("tag"), Changed: true}
	if err := inv.datasets().Release(ctx, doc.Snapshot, doc.Tag, inv.flag("recursive"), inv.dryRun); err != nil {
		return err
	}
	return inv.emit(doc, func(p *page) { p.line("%s the tag %s off %s", inv.done("took", "take"), doc.Tag, doc.Snapshot) })
}
