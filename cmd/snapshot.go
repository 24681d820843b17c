package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/zfs/dataset"
)

func snapshotGroup() *command {
	return &command{
		Name: "snapshot", Summary: "ZFS snapshots",
		Description: "Lists, makes, holds, clones and destroys snapshots, rolls back to them, thins them out by age, and sends them to other pools, into files and onto tapes.",
		Commands: []*command{snapshotListCommand(), snapshotCreateCommand(), snapshotDestroyCommand(), snapshotRollbackCommand(),
			snapshotCloneCommand(), snapshotHoldCommand(), snapshotReleaseCommand(), snapshotPruneCommand(), snapshotSendCommand(), snapshotReceiveCommand()},
	}
}

func snapshotArg() arg { return arg{Name: "SNAPSHOT", Usage: "DATASET@NAME"} }

// snapshotDoc is a snapshot in JSON.
type snapshotDoc struct {
	Name            string   `json:"name"`
	Dataset         string   `json:"dataset"`
	GUID            string   `json:"guid"`
	Creation        string   `json:"creation"`
	UsedBytes       int64    `json:"used_bytes"`
	ReferencedBytes int64    `json:"referenced_bytes"`
	Holds           int64    `json:"holds"`
	Clones          []string `json:"clones"`
}

func newSnapshotDoc(s dataset.Snapshot) snapshotDoc {
	return snapshotDoc{s.Name, s.Dataset(), s.GUID, s.Creation.Format(time.RFC3339), s.Used, s.Referenced, s.Holds, s.Clones}
}

// snapshotListDoc is `calypso snapshot list --json`.
type snapshotListDoc struct {
	Snapshots      []snapshotDoc `json:"snapshots"`
	SuspendedPools []string      `json:"suspended_pools"`
}

func snapshotListCommand() *command {
	return &command{
		Name: "list", Summary: "list snapshots",
		Description: "Lists all snapshots, or those of a dataset, with --recursive of all below it too; those of a dataset in the order in which they were made. Used is what would get free if this snapshot alone were destroyed.",
		Args:        []arg{{Name: "DATASET", Usage: "only the snapshots of this one", Optional: true}},
		Flags:       []flag{boolFlag("recursive", "with those of all that is below it").Short("r")},
		Examples: []example{
			{"calypso snapshot list tank/backup", "the snapshots of one dataset"},
			{"calypso snapshot list --json | jq '.snapshots[] | select(.holds > 0)'", "those that are held"},
		},
		Exits: zfsExits,
		Run:   runSnapshotList,
	}
}

func runSnapshotList(ctx context.Context, inv *invocation) error {
	store := inv.datasets()
	var doc snapshotListDoc
	var err error
	if inv.arg("DATASET") == "" {
		if doc.SuspendedPools, err = inv.suspendedPools(store); err != nil {
			return err
		}
	}
	t := newTable("name", "created", ">used", ">referenced", ">holds", "clones")
	err = store.Snapshots(ctx, inv.arg("DATASET"), inv.flag("recursive"), func(s dataset.Snapshot) {
		if inv.json {
			doc.Snapshots = append(doc.Snapshots, newSnapshotDoc(s))
			return
		}
		t.row(s.Name, s.Creation, spaceText(s.Used), spaceText(s.Referenced), s.Holds, strings.Join(s.Clones, ","))
	})
	if err != nil {
		return err
	}
	return inv.emit(doc, func(p *page) { p.table(t, "no snapshots") })
}

// snapshotCreatedDoc is `calypso snapshot create --json`.
type snapshotCreatedDoc struct {
	Snapshots []string `json:"snapshots"`
	Recursive bool     `json:"recursive"`
}

func snapshotCreateCommand() *command {
	return &command{
		Name: "create", Summary: "make snapshots",
		Description: "Makes snapshots, those of one pool all at the same moment. A dataset without @NAME gets one named after the present time in UTC, such as calypso-20261121T154500Z; 'calypso snapshot prune' knows these by their beginning.",
		Args:        []arg{{Name: "DATASET[@NAME]", Usage: "what to take a snapshot of, and its name", Repeated: true}},
		Flags:       []flag{boolFlag("recursive", "of all that is below it too, at the same moment").Short("r")},
		Examples: []example{
			{"calypso snapshot create tank/backup", "one named after the time"},
			{"calypso snapshot create tank/db@before tank/log@before", "two at the same moment"},
		},
		Exits:   append([]errcode.Exit{errcode.ExitRefused}, zfsExits...),
		Mutates: true,
		Run:     runSnapshotCreate,
	}
}

func runSnapshotCreate(ctx context.Context, inv *invocation) error {
	doc := snapshotCreatedDoc{Recursive: inv.flag("recursive")}
	short := dataset.DefaultShort(time.Now())
	for _, name := range inv.argList("DATASET[@NAME]") {
		if !strings.Contains(name, "@") {
			name += "@" + short
		}
		doc.Snapshots = append(doc.Snapshots, name)
	}
	if err := inv.datasets().Snap(ctx, doc.Snapshots, doc.Recursive, inv.dryRun); err != nil {
		return err
	}
	return inv.emit(doc, func(p *page) {
		for _, name := range doc.Snapshots {
			p.line("%s %s", inv.done("made", "make"), name)
		}
	})
}

func snapshotDestroyCommand() *command {
	return &command{
		Name: "destroy", Summary: "destroy snapshots",
		Description: "Says what would go and how much space it frees, then destroys it. SNAPSHOT may be DATASET@A%B, which is all from A to B; an end that is left out is the oldest or the newest. Snapshots that are named want --yes; a range, or --clones, wants --confirm with the argument as it was given, and is given alone. Held snapshots are never destroyed.",
		Args:        []arg{{Name: "SNAPSHOT", Usage: "DATASET@NAME, DATASET@NAME,NAME or DATASET@FROM%TO", Repeated: true}},
		Flags:       []flag{boolFlag("recursive", "those of the same name below the dataset too").Short("r"), clonesFlag()},
		Examples: []example{
			{"calypso snapshot destroy tank/a@x tank/a@y --yes", "destroy two"},
			{"calypso snapshot destroy tank/a@x%y --confirm tank/a@x%y", "destroy all from x to y"},
		},
		Exits:   append([]errcode.Exit{errcode.ExitPartial}, zfsExits...),
		Mutates: true, Danger: severe,
		Run: runSnapshotDestroy,
	}
}

func runSnapshotDestroy(ctx context.Context, inv *invocation) error {
	specs := inv.argList("SNAPSHOT")
	inv.setObject(strings.Join(specs, " "))
	reach := dataset.Reach{Recursive: inv.flag("recursive"), Clones: inv.flag("clones")}
	store := inv.datasets()
	alone := reach.Clones || slices.ContainsFunc(specs, dataset.IsRange)
	if alone && len(specs) > 1 {
		return usageErrorf("a range, or what is destroyed with --clones, is given alone")
	}
	held, err := inv.lockSnapshots(ctx, specs)
	if err != nil {
		return err
	}
	defer held.Close()
	var plans []dataset.SnapshotPlan
	planned := map[string]bool{}
	for _, spec := range specs {
		plan, err := store.PlanSnapshots(ctx, spec, reach)
		if err != nil {
			return err
		}
		plan.Snapshots = slices.DeleteFunc(plan.Snapshots, func(name string) bool { return planned[name] }) // named twice
		for _, name := range plan.Snapshots {
			planned[name] = true
		}
		if len(plan.Snapshots) > 0 {
			plans = append(plans, plan)
		}
	}
	return inv.destroySnapshots(ctx, store, plans, alone)
}

// lockSnapshots takes the locks of the datasets that the snapshots are of.
func (inv *invocation) lockSnapshots(ctx context.Context, specs []string) (releases, error) {
	var names []string
	for _, spec := range specs {
		if err := dataset.CheckSpec(spec); err != nil {
			return nil, err
		}
		of, _, _ := strings.Cut(spec, "@")
		names = append(names, of)
	}
	slices.Sort(names)
	return inv.lockDatasets(ctx, slices.Compact(names)...)
}

func (inv *invocation) destroySnapshots(ctx context.Context, store dataset.Store, plans []dataset.SnapshotPlan, severely bool) error {
	doc := destroyedDoc{Name: inv.object}
	for _, plan := range plans {
		doc.Destroyed = append(doc.Destroyed, plan.All()...)
		doc.FreeBytes += plan.Reclaim
	}
	what := fmt.Sprintf("destroy %s, about %s: %s", counted(len(doc.Destroyed), "snapshot"), spaceText(doc.FreeBytes), firstOf(doc.Destroyed))
	var err error
	if severely {
		err = inv.confirmName(ctx, plans[0].Spec, what)
	} else {
		err = inv.confirm(ctx, what)
	}
	if err != nil {
		return err
	}
	if !inv.dryRun {
		if err := store.DestroyEach(ctx, plans); err != nil {
			return err
		}
	}
	return inv.emitDestroyed(doc)
}
