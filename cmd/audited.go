package cmd

import (
	"context"
	"time"

	"calypso/sys/audit"
	"calypso/sys/errcode"
)

// audited runs a verb and records it if it changes something. A change that could not be recorded is
// not made: the log is opened first. A dry run changes nothing and is not recorded.
func (inv *invocation) audited(ctx context.Context, run func() error) error {
	if !inv.mutates() || inv.dryRun {
		return run()
	}
	log, err := audit.Open(inv.places.AuditFile)
	if err != nil {
		return err
	}
	started := time.Now()
	err = run()
	entry := inv.auditEntry(ctx, err)
	entry.Started, entry.Duration = started, time.Since(started)
	lost := log.Append(context.WithoutCancel(ctx), entry) // an interrupt is recorded too
	if err == nil && lost != nil {
		return errcode.New(errcode.AuditUnwritable, inv.places.AuditFile, "the change was made but could not be recorded: %w", lost)
	}
	return err
}

// mutates says whether this run changes something.
func (inv *invocation) mutates() bool {
	return inv.cmd.Mutates || inv.cmd.MutatesWith != "" && inv.flag(inv.cmd.MutatesWith)
}

// auditEntry is what the log says about a run that ended with err.
func (inv *invocation) auditEntry(ctx context.Context, err error) audit.Entry {
	e := audit.Entry{Command: inv.verbName(), Object: inv.object, Args: inv.argv[1:], Outcome: "done"}
	if err == nil {
		return e
	}
	f := newFailure(ctx, err, e.Command, e.Object)
	e.ExitCode, e.Error, e.Outcome = int(f.exit), f.code, exitName(f.exit)
	return e
}

// exitName is the word for an exit status: "refused".
func exitName(status errcode.Exit) string {
	for _, m := range exitMeanings {
		if m.status == status {
			return m.name
		}
	}
	return "failed"
}
