package cmd

import (
	"context"

	"calypso/zfs/vdev"
)

func poolDestroyCommand() *command {
	return &command{
		Name: "destroy", Summary: "destroy a pool and all that is in it",
		Description: `Says what would be lost and wants the name of the pool as a confirmation. A pool that something uses is refused, and its user named.

As long as its disks are not used for something else, 'calypso pool import --destroyed' brings a destroyed pool back.`,
		Args:     []arg{poolArg()},
		Examples: []example{{"calypso pool destroy tank --dry-run", "see what would be lost"}, {"calypso pool destroy tank --confirm tank", "destroy it"}},
		Exits:    poolExits, Danger: severe, Mutates: true,
		Run: runPoolDestroy,
	}
}

// poolDestroyDoc is `calypso pool destroy --json`.
type poolDestroyDoc struct {
	Pool           string `json:"pool"`
	Filesystems    int    `json:"filesystems"`
	Volumes        int    `json:"volumes"`
	Snapshots      int    `json:"snapshots"`
	AllocatedBytes int64  `json:"allocated_bytes"`
	SizeBytes      int64  `json:"size_bytes"`
	Command        string `json:"command"`
}

func runPoolDestroy(ctx context.Context, inv *invocation) (err error) {
	pool, release, err := inv.startChange(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, release)
	lost, err := vdev.AskContents(ctx, zfsTools(), pool)
	if err != nil {
		return err
	}
	if err := poolInUse(ctx, pool); err != nil {
		return err
	}
	what := "destroy pool " + pool + " with " + lost.String() + " (" + bytesText(lost.AllocatedBytes) + " used)"
	if err := inv.confirmName(ctx, pool, what); err != nil {
		return err
	}
	change := vdev.Destroy(pool)
	if !inv.dryRun {
		if _, err := change.Do(ctx, zfsTools()); err != nil {
			return err
		}
		inv.note("while its disks are not used, it can be brought back: calypso pool import --destroyed %s", shellQuote(pool))
	}
	doc := poolDestroyDoc{pool, lost.Filesystems, lost.Volumes, lost.Snapshots, lost.AllocatedBytes, lost.SizeBytes, change.String()}
	return inv.emit(doc, func(p *page) {
		if inv.dryRun {
			p.line("would %s", what)
			return
		}
		p.line("destroyed pool %s: %s (%s used)", pool, lost, bytesText(lost.AllocatedBytes))
	})
}

func poolExportCommand() *command {
	return &command{
		Name: "export", Summary: "let a pool go, so that it can be moved to another host",
		Description: "Unmounts all its datasets and lets its disks go. A pool that something uses is refused, and its user named: a mount below it, a process, swap, a volume that is open or exported.",
		Args:        []arg{poolArg()},
		Examples:    []example{{"calypso pool export tank", "let the pool go"}},
		Exits:       poolExits, Mutates: true,
		Run: runPoolExport,
	}
}

func runPoolExport(ctx context.Context, inv *invocation) (err error) {
	pool, release, err := inv.startChange(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, release)
	if err := poolInUse(ctx, pool); err != nil {
		return err
	}
	change := vdev.Export(pool)
	if !inv.dryRun {
		if _, err := change.Do(ctx, zfsTools()); err != nil {
			return err
		}
	}
	return inv.emitChange(change, "", "exported pool "+pool, "export pool "+pool)
}
