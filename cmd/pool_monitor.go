package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"calypso/sys/audit"
	"calypso/sys/errcode"
	"calypso/sys/hook"
	"calypso/sys/lock"
	"calypso/sys/state"
	"calypso/zfs/pool"
)

func poolMonitorVerb() *command {
	return &command{
		Name: "monitor", Summary: "look at the pools, and report what has changed since the last look",
		Description: `Judges all pools as 'calypso pool status' does and compares with the last look, which is kept in the state directory. What came, changed or went is reported once: in the answer, in the audit log, and to hooks. A figure that reached its threshold must fall more than 2 % below it before it counts as well again. Meant for a timer: packaging has calypso-pool-monitor.timer, every two minutes.

Hooks are the executables in hooks.d beside the configuration file, /etc/calypso/hooks.d, named with letters, digits, '_' and '-', in the order of their names. Each gets one JSON object with all changes on standard input, a fixed environment, and 30 seconds. One that fails is reported, with status 3, and keeps no other from being run. One that others than its owner may write is not run.

--watch shows the pools to a person at a terminal, again and again, until it is interrupted; nothing is kept or reported then.

--dry-run tells what would be reported.`,
		Flags: []flag{
			boolFlag("watch", "redraw the status for a person, until interrupted"),
			durationFlag("interval", "between two looks of --watch").Default("5s"),
		},
		Examples: []example{
			{"calypso pool monitor", "one look, as the timer does it"},
			{"calypso pool monitor --watch", "watch a resilver"},
		},
		Exits: []errcode.Exit{errcode.ExitPartial, errcode.ExitBusy, errcode.ExitUnsupported},
		Run:   runPoolMonitor,
	}
}

// poolMonitorDoc is `calypso pool monitor --json`.
type poolMonitorDoc struct {
	DryRun  bool                `json:"dry_run"`
	Level   string              `json:"level"` // the worst of the pools
	Pools   []poolSeenDoc       `json:"pools"`
	Changes []poolTransitionDoc `json:"changes"`
	Hooks   []hookDoc           `json:"hooks"` // those that were run
}

type poolSeenDoc struct {
	Name       string             `json:"name"`
	GUID       *string            `json:"guid"`
	State      string             `json:"state"`
	Level      string             `json:"level"`
	Conditions []poolConditionDoc `json:"conditions"`
}

type poolConditionDoc struct {
	What   string    `json:"what"`
	Level  string    `json:"level"`
	Value  *string   `json:"value"`
	Since  time.Time `json:"since"`
	Advice *string   `json:"advice"`
}

type poolTransitionDoc struct {
	Pool        string  `json:"pool"`
	GUID        *string `json:"guid"`
	What        string  `json:"what"`
	Change      string  `json:"change"` // came, changed, went
	Level       string  `json:"level"`  // of what went, its last one
	LevelBefore *string `json:"level_before"`
	Value       *string `json:"value"`
	Advice      *string `json:"advice"`
}

type hookDoc struct {
	Name  string        `json:"name"`
	Error *itemErrorDoc `json:"error"`
}

func runPoolMonitor(ctx context.Context, inv *invocation) error {
	if inv.flag("watch") {
		return inv.watchPools(ctx)
	}
	if !inv.dryRun {
		turn, err := lock.Acquire(ctx, inv.places.RunDir, "pool-monitor", inv.lockTimeout())
		if err != nil {
			return err
		}
		defer turn.Release()
	}
	now := time.Now()
	before := inv.poolSnapshot()
	facts, err := pool.Gather(ctx, zfsTools(), now, before.Scrubs())
	if err != nil {
		return err
	}
	next, changes := pool.Look(before, facts, now)
	doc := newPoolMonitorDoc(inv, next, changes)
	if !inv.dryRun {
		err = inv.report(ctx, doc, next, changes)
	}
	return errors.Join(err, inv.emit(*doc, func(p *page) { p.poolChanges(doc) }))
}

// report tells of changes, and only then keeps the look: one that is killed in between tells them again.
func (inv *invocation) report(ctx context.Context, doc *poolMonitorDoc, next *pool.Snapshot, changes []pool.Transition) error {
	var failed []error
	if len(changes) > 0 {
		failed = append(failed, inv.auditPools(ctx, changes), inv.runPoolHooks(ctx, doc))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	data, err := json.Marshal(next)
	if err == nil {
		err = state.WriteFile(inv.poolSnapshotPath(), append(data, '\n'), 0o640)
	}
	return errors.Join(append(failed, err)...)
}

func (inv *invocation) poolSnapshotPath() string {
	return filepath.Join(inv.places.StateDir, "status", "pools.json")
}

// poolSnapshot is the last look of the monitor, the zero one when there is none. One that cannot be read is as
// good as none: what is wrong is reported anew.
func (inv *invocation) poolSnapshot() *pool.Snapshot {
	data, err := os.ReadFile(inv.poolSnapshotPath())
	if err == nil {
		var s *pool.Snapshot
		if s, err = pool.DecodeSnapshot(data); err == nil {
			return s
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		inv.warn("the last look at the pools cannot be used: %v", err)
	}
	return &pool.Snapshot{}
}

func newPoolMonitorDoc(inv *invocation, next *pool.Snapshot, changes []pool.Transition) *poolMonitorDoc {
	doc := &poolMonitorDoc{DryRun: inv.dryRun, Level: worstSeen(next)}
	for _, s := range next.Pools {
		d := poolSeenDoc{Name: s.Name, GUID: orNull(s.GUID), State: s.State, Level: s.Level}
		for _, c := range s.Conditions {
			d.Conditions = append(d.Conditions, poolConditionDoc{c.What, c.Level, orNull(c.Value), c.Since, orNull(c.Advice)})
		}
		doc.Pools = append(doc.Pools, d)
	}
	for _, c := range changes {
		doc.Changes = append(doc.Changes, poolTransitionDoc{c.Pool, orNull(c.GUID), c.What, c.Change, c.Level, orNull(c.Before), orNull(c.Value), orNull(c.Advice)})
	}
	return doc
}

func worstSeen(s *pool.Snapshot) string {
	for _, level := range []string{"critical", "warning", "unknown", "ok"} {
		if slices.ContainsFunc(s.Pools, func(p pool.Seen) bool { return p.Level == level }) {
			return level
		}
	}
	return "unknown"
}

// auditPools records what changed by itself, one record a change.
func (inv *invocation) auditPools(ctx context.Context, changes []pool.Transition) error {
	log, err := audit.Open(inv.places.AuditFile)
	if err != nil {
		return err
	}
	for _, c := range changes {
		e := audit.Entry{Command: "pool monitor", Object: c.Pool, Args: []string{c.What, c.Change, c.Level, c.Value}, Outcome: c.Change, Started: time.Now()}
		if err := log.Append(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// runPoolHooks runs the hooks with the changes, and gives an error that names those that failed.
func (inv *invocation) runPoolHooks(ctx context.Context, doc *poolMonitorDoc) error {
	host, _ := os.Hostname()
	head := []field{{"schema", "calypso.hook.pool"}, {"schema_version", 1}, {"host", host}, {"time", time.Now()}}
	event, err := encodeJSON(head, struct {
		Level   string              `json:"level"`
		Changes []poolTransitionDoc `json:"changes"`
	}{doc.Level, doc.Changes}, false)
	if err != nil {
		return err
	}
	results, err := hook.Run(ctx, filepath.Join(filepath.Dir(inv.places.ConfigFile), "hooks.d"), event, hook.Timeout)
	failed := []error{err}
	for _, r := range results {
		d := hookDoc{Name: r.Name}
		if r.Err != nil {
			d.Error = newItemErrorDoc(r.Err)
			failed = append(failed, errcode.New(errcode.Partial, r.Name, "the hook failed: %w", r.Err).
				WithState("the others were run and the look was kept"))
		}
		doc.Hooks = append(doc.Hooks, d)
	}
	return errors.Join(failed...)
}

func (p *page) poolChanges(doc *poolMonitorDoc) {
	t := newTable("pool", "change", "level", "what", "value")
	for _, c := range doc.Changes {
		t.row(c.Pool, c.Change, c.Level, c.What, c.Value)
	}
	p.fitTable(t, fmt.Sprintf("nothing has changed; %s, the worst verdict is %s", counted(len(doc.Pools), "pool"), doc.Level))
}

// watchPools redraws the status until it is interrupted.
func (inv *invocation) watchPools(ctx context.Context) error {
	if !inv.OutTTY || inv.json {
		return usageErrorf("--watch is for a person at a terminal")
	}
	for {
		doc, err := inv.lookAtPools(ctx)
		if err != nil {
			return err
		}
		p := &page{}
		p.line("%s  every %s, Ctrl-C ends it", cell(time.Now()), inv.duration("interval"))
		p.blank()
		p.poolStatus(doc)
		const homeAndClear = "\x1b[H\x1b[2J"
		if _, err := inv.Out.Write(append([]byte(homeAndClear), p.b.Bytes()...)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(max(inv.duration("interval"), time.Second)):
		}
	}
}
