package cmd

import (
	"context"
	"fmt"
	"strings"

	"calypso/sys/errcode"
	"calypso/zfs/dataset"
)

func snapshotPruneCommand() *command {
	return &command{
		Name: "prune", Summary: "destroy old snapshots by a rule",
		Description: "Keeps as many snapshots as --keep says and destroys the others. daily=7 keeps the newest snapshot of each of the last seven days that have one; hourly, weekly, monthly and yearly likewise, and last=N the newest N. A snapshot stays when any rule keeps it. Hours, days and weeks (from Monday) are those of UTC.\n\nThe newest snapshot, held ones and those with clones always stay. Only snapshots whose names begin with --prefix are counted and destroyed: without it those that calypso named itself.\n\nIt prints each snapshot with what keeps it, and asks before it destroys.",
		Args:        []arg{datasetArg()},
		Flags: []flag{
			stringFlag("keep", "RULE=N[,RULE=N]", "what to keep: last, hourly, daily, weekly, monthly, yearly").Required(),
			stringFlag("prefix", "TEXT", "only snapshots whose names begin so; '' is all of them").Default(dataset.Prefix),
			boolFlag("recursive", "also the snapshots of each dataset below it, each counted for itself").Short("r"),
		},
		Examples: []example{
			{"calypso snapshot prune tank/a --keep hourly=24,daily=7,weekly=4 --dry-run", "what would go"},
			{"calypso snapshot prune tank/a --keep daily=7,monthly=12 --yes --quiet", "from a timer"},
		},
		Exits:   append([]errcode.Exit{errcode.ExitPartial}, zfsExits...),
		Mutates: true, Danger: moderate,
		Run: runSnapshotPrune,
	}
}

// pruneDoc is `calypso snapshot prune --json`.
type pruneDoc struct {
	Dataset   string          `json:"dataset"`
	Prefix    string          `json:"prefix"`
	Snapshots []pruneSnapshot `json:"snapshots"`
	Kept      int             `json:"kept"`
	Destroyed int             `json:"destroyed"`
}

// pruneSnapshot is one snapshot with what keeps it; it goes when nothing does.
type pruneSnapshot struct {
	snapshotDoc
	Keep    bool     `json:"keep"`
	Reasons []string `json:"reasons"`
}

func newPruneDoc(dataset, prefix string, plan []dataset.Pruned) pruneDoc {
	doc := pruneDoc{Dataset: dataset, Prefix: prefix}
	for _, p := range plan {
		for _, v := range p.Verdicts {
			keep := len(v.Reasons) > 0
			doc.Snapshots = append(doc.Snapshots, pruneSnapshot{newSnapshotDoc(v.Snapshot), keep, v.Reasons})
			if keep {
				doc.Kept++
			} else {
				doc.Destroyed++
			}
		}
	}
	return doc
}

func runSnapshotPrune(ctx context.Context, inv *invocation) error {
	name := inv.arg("DATASET")
	retention, err := dataset.ParseRetention(inv.str("keep"))
	if err != nil {
		return usageErrorf("--keep: %w", err)
	}
	held, err := inv.lockDatasets(ctx, name)
	if err != nil {
		return err
	}
	defer held.Close()
	store := inv.datasets()
	plan, err := store.PlanPrune(ctx, name, inv.flag("recursive"), inv.str("prefix"), retention)
	if err != nil {
		return err
	}
	doc := newPruneDoc(name, inv.str("prefix"), plan)
	show := func(p *page) { p.prune(inv, doc) }
	if doc.Destroyed == 0 || inv.dryRun {
		return inv.emit(doc, show)
	}
	if err := inv.confirmPrune(ctx, doc); err != nil {
		return err
	}
	if err := store.Prune(ctx, plan); err != nil {
		return err
	}
	return inv.emit(doc, show)
}

func (inv *invocation) confirmPrune(ctx context.Context, doc pruneDoc) error {
	var gone []string
	for _, s := range doc.Snapshots {
		if !s.Keep {
			gone = append(gone, s.Name)
		}
	}
	return inv.confirm(ctx, fmt.Sprintf("destroy %s of %d: %s", counted(len(gone), "snapshot"), len(doc.Snapshots), firstOf(gone)))
}

func (p *page) prune(inv *invocation, doc pruneDoc) {
	t := newTable("snapshot", "created", ">used", "what", "why")
	for _, s := range doc.Snapshots {
		what := inv.done("destroyed", "destroy")
		if s.Keep {
			what = inv.done("kept", "keep")
		}
		t.row(s.Name, s.Creation, spaceText(s.UsedBytes), what, strings.Join(s.Reasons, ", "))
	}
	p.table(t, "no snapshots of this name")
	p.line("%s %s, %s %d", inv.done("destroyed", "destroy"), counted(doc.Destroyed, "snapshot"), inv.done("kept", "keep"), doc.Kept)
}
