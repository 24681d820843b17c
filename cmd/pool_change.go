package cmd

import (
	"context"

	"calypso/sys/disk"
	"calypso/sys/errcode"
	"calypso/zfs"
	"calypso/zfs/vdev"
)

// poolChangeCommands are the verbs that change pools and what they are made of.
func poolChangeCommands() []*command {
	return []*command{
		poolDisksCommand(), poolCreateCommand(), poolDestroyCommand(), poolImportCommand(), poolExportCommand(),
		poolScrubCommand(), poolTrimCommand(), poolClearCommand(),
		poolAttachCommand(), poolDetachCommand(), poolReplaceCommand(), poolOnlineCommand(), poolOfflineCommand(),
	}
}

var poolExits = []errcode.Exit{errcode.ExitRefused, errcode.ExitNotFound, errcode.ExitBusy, errcode.ExitUnsupported, errcode.ExitDevice}

// poolChangeDoc is the document of a change that has nothing more to tell.
type poolChangeDoc struct {
	Pool    string  `json:"pool"`
	Device  *string `json:"device"`
	Command string  `json:"command"`
}

// emitChange says what was done, or would be.
func (inv *invocation) emitChange(c vdev.Change, device, did, would string) error {
	doc := poolChangeDoc{c.Pool, orNull(device), c.String()}
	return inv.emit(doc, func(p *page) {
		if inv.dryRun {
			p.line("would %s: %s", would, doc.Command)
			return
		}
		p.line("%s", did)
	})
}

// startChange checks the name of the pool and that it can be asked, and takes its lock.
func (inv *invocation) startChange(ctx context.Context, locks ...string) (string, releases, error) {
	pool := inv.arg("POOL")
	if err := zfs.CheckPool(pool); err != nil {
		return "", nil, err
	}
	if err := isImported(pool); err != nil {
		return "", nil, err
	}
	if err := zfsTools().NotSuspended(pool); err != nil {
		return "", nil, err
	}
	release, err := inv.lockAll(ctx, append(locks, zfs.LockPool(pool))...)
	return pool, release, err
}

// isImported says at once, and in our words, that there is no such pool.
func isImported(pool string) error {
	states, err := zfsTools().States()
	if err != nil {
		return err
	}
	if _, ok := states[pool]; !ok {
		return errcode.New(errcode.PoolNotFound, pool, "no such pool is imported").
			WithHint("see 'calypso pool list'; 'calypso pool import' lists those that can be imported")
	}
	return nil
}

// poolInUse refuses to take away a pool that something uses, and says who. An export with an open volume would
// wait for ever, and one with an open file leave half of the datasets unmounted.
func poolInUse(ctx context.Context, pool string) error {
	holders, err := hostDisks().PoolHolders(ctx, pool)
	if err != nil || len(holders) == 0 {
		return err
	}
	const shown = 10
	more := ""
	if len(holders) > shown {
		more = ", and " + counted(len(holders)-shown, "other")
		holders = holders[:shown]
	}
	return errcode.New(errcode.PoolBusy, pool, "in use: %s%s", disk.Describe(holders), more).
		WithState("nothing was touched").WithHint("end what uses it, then try again")
}
