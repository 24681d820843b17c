package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/verdict"
	"calypso/zfs/pool"
)

func poolStatusVerb() *command {
	return &command{
		Name: "status", Summary: "judge the pools, with evidence and advice",
		Description: `Gives a verdict on each pool: ok, warning, critical or unknown, with all figures that led to it, what each was held to and what to do: state, devices that are missing or count errors, redundancy that is left, data that is lost, space (80 and 90 %), fragmentation (50 %), the age of the last scrub (35 days), what is at work and for how long still. Nothing is changed and no lock is taken.

A pool that is suspended is told from what the kernel says and is not asked. A pool that does not answer within 30 seconds is unknown; the others are judged all the same and the status is 3.

The exit status says whether the question was answered, not how the answer is: it is 0 with a critical verdict too. --nagios is the exception. It makes this a monitoring plugin: one line on standard output, nothing on standard error, and the exit status of a plugin in place of those below:

  0  ZPOOL OK        every pool is ok
  1  ZPOOL WARNING   the worst verdict is warning
  2  ZPOOL CRITICAL  the worst verdict is critical
  3  ZPOOL UNKNOWN   no pool, no ZFS, or a pool that did not answer`,
		Args:  []arg{{Name: "POOL", Usage: "names of pools; without, all", Optional: true, Repeated: true}},
		Flags: []flag{boolFlag("nagios", "print one line for a monitoring system, and exit with 0, 1, 2 or 3 as a plugin does")},
		Examples: []example{
			{"calypso pool status", "how the pools are"},
			{"calypso pool status tank --json | jq -r .level", "the verdict on one pool in one word"},
			{"calypso pool status --nagios", "as a check of a monitoring system"},
		},
		Exits: []errcode.Exit{errcode.ExitPartial, errcode.ExitNotFound, errcode.ExitUnsupported},
		Run:   runPoolStatus,
	}
}

// poolStatusDoc is `calypso pool status --json`.
type poolStatusDoc struct {
	Level string          `json:"level"` // the worst; unknown when there is no pool
	Pools []poolHealthDoc `json:"pools"`
	worst verdict.Level
}

type poolHealthDoc struct {
	poolSpaceDoc
	Level      string          `json:"level"`
	Evidence   []evidenceDoc   `json:"evidence"`
	Message    *string         `json:"message"` // what zpool says is wrong, and to do
	Action     *string         `json:"action"`
	MessageID  *string         `json:"message_id"`
	DataErrors *uint64         `json:"data_errors"`
	Scan       *poolWorkDoc    `json:"scan"` // the last scrub or resilver, or the one at work
	Removal    *poolWorkDoc    `json:"removal"`
	Expansion  *poolWorkDoc    `json:"expansion"`
	Checkpoint *checkpointDoc  `json:"checkpoint"`
	LastScrub  *time.Time      `json:"last_scrub"`
	Vdevs      []vdevDoc       `json:"vdevs"`
	Error      *itemErrorDoc   `json:"error"` // why the pool could not be asked
	verdict    verdict.Verdict // of Evidence
	problem    error
}

type poolWorkDoc struct {
	Kind        string     `json:"kind"`  // scrub, resilver, removal, expansion
	State       string     `json:"state"` // running, paused, finished, canceled
	Started     *time.Time `json:"started"`
	PausedAt    *time.Time `json:"paused_at"`
	Ended       *time.Time `json:"ended"`
	DonePercent *float64   `json:"done_percent"`
	LeftSeconds *int64     `json:"left_seconds"`
	Errors      *uint64    `json:"errors"`
}

type checkpointDoc struct {
	Created   *time.Time `json:"created"`
	SizeBytes *uint64    `json:"size_bytes"`
}

func newPoolWorkDoc(w *pool.Work) *poolWorkDoc {
	if w == nil {
		return nil
	}
	doc := &poolWorkDoc{w.Kind, w.State, w.Start, w.PausedAt, w.End, w.Percent, nil, w.Errors}
	if w.Left != nil {
		seconds := int64(w.Left.Seconds())
		doc.LeftSeconds = &seconds
	}
	return doc
}

func newPoolHealthDoc(f pool.Facts) poolHealthDoc {
	v := pool.Assess(f, nil)
	doc := poolHealthDoc{poolSpaceDoc: poolSpaceDoc{Name: f.Name}, Level: v.Level.String(), Evidence: newVerdictDoc(v).Evidence,
		LastScrub: f.LastScrub, Error: newItemErrorDoc(f.Problem), verdict: v, problem: f.Problem}
	if f.Space != nil {
		doc.poolSpaceDoc = newPoolSpaceDoc(*f.Space)
	}
	doc.State = f.State
	s := f.Status
	if s == nil {
		return doc
	}
	doc.Message, doc.Action, doc.MessageID, doc.DataErrors = orNull(s.Message), orNull(s.Action), orNull(s.MessageID), s.DataErrors
	doc.Scan, doc.Removal, doc.Expansion = newPoolWorkDoc(s.Scan), newPoolWorkDoc(s.Removal), newPoolWorkDoc(s.Expansion)
	doc.Vdevs = newVdevDocs(s.Vdevs)
	if c := s.Checkpoint; c != nil {
		doc.Checkpoint = &checkpointDoc{c.Created, c.Bytes}
	}
	return doc
}

func runPoolStatus(ctx context.Context, inv *invocation) error {
	if inv.flag("nagios") && inv.json {
		return usageErrorf("--nagios and --json do not go together")
	}
	doc, err := inv.lookAtPools(ctx)
	if inv.flag("nagios") {
		if err != nil {
			return inv.nagiosUnknown(ctx, "ZPOOL", err)
		}
		return inv.nagiosPools(doc)
	}
	if err != nil {
		return err
	}
	return errors.Join(doc.unanswered(), inv.emit(*doc, func(p *page) { p.poolStatus(doc) }))
}

// lookAtPools asks the pools that are named, or all. What a monitor saw before tells the last scrub of a pool
// that was resilvered since.
func (inv *invocation) lookAtPools(ctx context.Context) (*poolStatusDoc, error) {
	facts, err := pool.Gather(ctx, zfsTools(), time.Now(), inv.poolSnapshot().Scrubs(), inv.argList("POOL")...)
	if err != nil {
		return nil, err
	}
	doc := &poolStatusDoc{worst: verdict.Unknown}
	for i, f := range facts {
		d := newPoolHealthDoc(f)
		doc.worst = worsePool(doc.worst, d.verdict.Level, i == 0)
		doc.Pools = append(doc.Pools, d)
	}
	doc.Level = doc.worst.String()
	return doc, nil
}

// worsePool is the worse of two verdicts. One that is unknown is worse than ok: it may be anything.
func worsePool(a, b verdict.Level, first bool) verdict.Level {
	switch {
	case first || max(a, b) >= verdict.Warning:
		return max(b, a)
	}
	return min(a, b)
}

// unanswered is an error when pools could not be asked.
func (doc *poolStatusDoc) unanswered() error {
	var names []string
	var cause error
	for _, p := range doc.Pools {
		if p.problem != nil {
			names, cause = append(names, p.Name), p.problem
		}
	}
	if cause == nil {
		return nil
	}
	return errcode.New(errcode.Partial, strings.Join(names, ", "), "did not answer: %w", cause)
}

func (p *page) poolStatus(doc *poolStatusDoc) {
	if len(doc.Pools) == 0 {
		p.table(newTable("pool"), "no pools")
	}
	for i, d := range doc.Pools {
		if i > 0 {
			p.blank()
		}
		p.poolHealth(d)
	}
}

func (p *page) poolHealth(d poolHealthDoc) {
	p.line("%s: %s", d.Name, d.Level)
	for _, e := range d.Evidence {
		p.evidence(e)
	}
	if d.Error != nil {
		p.fitLine("            cause: ", d.Error.Message)
	}
	if len(d.Vdevs) > 0 {
		p.vdevs(d.Vdevs)
	}
}

// nagiosPools answers with one line and the status of a plugin.
func (inv *invocation) nagiosPools(doc *poolStatusDoc) error {
	if len(doc.Pools) == 0 {
		return inv.nagiosLine("ZPOOL UNKNOWN - no pool is imported", nagiosUnknown)
	}
	var parts, data []string
	for _, p := range doc.Pools {
		parts = append(parts, nagiosPart(p.Name, p.verdict))
		data = append(data, nagiosPoolData(p)...)
	}
	state := nagiosStates[doc.worst]
	line := fmt.Sprintf("ZPOOL %s - %s", state.word, withoutPipe(strings.Join(parts, ", ")))
	if len(data) > 0 {
		line += " | " + strings.Join(data, " ")
	}
	return inv.nagiosLine(line, state.exit)
}

// nagiosPoolData are the figures that are worth a curve. Labels with spaces stand in quotes.
func nagiosPoolData(p poolHealthDoc) []string {
	var list []string
	add := func(what string, n *uint64, rest string) {
		if n != nil {
			list = append(list, fmt.Sprintf("'%s %s'=%d%s", p.Name, what, *n, rest))
		}
	}
	add("used", p.CapacityPercent, "%;80;90;0;100")
	add("fragmentation", p.FragmentationPercent, "%;50;;0;100")
	add("data errors", p.DataErrors, ";;0")
	return list
}
