package cmd

import (
	"context"
	"fmt"

	"calypso/sys/errcode"
	"calypso/zfs/dataset"
)

func clonesFlag() flag {
	return boolFlag("clones", "destroy clones too, wherever they are in the pool")
}

func datasetDestroyCommand() *command {
	return &command{
		Name: "destroy", Summary: "destroy a file system or volume",
		Description: "Says what would go and how much space it frees, then destroys it. A file system that is mounted and has nothing in it is destroyed with --yes; everything else wants --confirm DATASET. Snapshots and what is below it go only with --recursive, clones only with --clones, held snapshots never.\n\nWhen it has ended it looks whether all is gone: zfs does not always tell.",
		Args:        []arg{datasetArg()},
		Flags:       []flag{boolFlag("recursive", "with its snapshots and all that is below it").Short("r"), clonesFlag()},
		Examples: []example{
			{"calypso dataset destroy tank/old --recursive --dry-run", "what would go"},
			{"calypso dataset destroy tank/old --recursive --confirm tank/old", "destroy it"},
		},
		Exits:   append([]errcode.Exit{errcode.ExitPartial}, zfsExits...),
		Mutates: true, Danger: severe,
		Run: runDatasetDestroy,
	}
}

// destroyedDoc is `calypso dataset destroy --json` and `calypso snapshot destroy --json`.
type destroyedDoc struct {
	Name      string   `json:"name"`
	Destroyed []string `json:"destroyed"`
	FreeBytes int64    `json:"freed_bytes"`
}

func runDatasetDestroy(ctx context.Context, inv *invocation) error {
	name := inv.arg("DATASET")
	held, err := inv.lockDatasets(ctx, name)
	if err != nil {
		return err
	}
	defer held.Close()
	store := inv.datasets()
	plan, err := store.PlanDestroy(ctx, name, dataset.Reach{Recursive: inv.flag("recursive"), Clones: inv.flag("clones")})
	if err != nil {
		return err
	}
	if err := inv.confirmDestroy(ctx, plan); err != nil {
		return err
	}
	if !inv.dryRun {
		if err := store.Destroy(ctx, plan); err != nil {
			return err
		}
	}
	return inv.emitDestroyed(destroyedDoc{name, plan.Destroy, plan.Reclaim})
}

func (inv *invocation) confirmDestroy(ctx context.Context, plan dataset.Plan) error {
	if plan.Empty && !inv.isSet("confirm") {
		return inv.confirm(ctx, "destroy "+plan.Name+", which is empty")
	}
	return inv.confirmName(ctx, plan.Name, fmt.Sprintf("destroy %s, about %s: %s", counted(len(plan.Destroy), "dataset and snapshot"),
		spaceText(plan.Reclaim), firstOf(plan.Destroy)))
}

// firstOf names the first of a list and counts the rest.
func firstOf(list []string) string {
	const most = 10
	text := ""
	for i, name := range list {
		if i == most {
			return fmt.Sprintf("%s and %d more", text, len(list)-most)
		}
		if i > 0 {
			text += ", "
		}
		text += name
	}
	return text
}

func (inv *invocation) emitDestroyed(doc destroyedDoc) error {
	return inv.emit(doc, func(p *page) {
		for _, name := range doc.Destroyed {
			p.line("%s %s", inv.done("destroyed", "destroy"), name)
		}
		p.line("%s about %s", inv.done("freed", "free"), spaceText(doc.FreeBytes))
	})
}
