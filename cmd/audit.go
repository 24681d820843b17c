package cmd

import (
	"context"
	"time"

	"calypso/sys/audit"
	"calypso/sys/errcode"
)

func auditGroup() *command {
	return &command{
		Name: "audit", Summary: "list and verify the log of all changes",
		Description: `Every command that changes something appends one line to the audit log: who, what, to which object, with
which outcome and exit status, and how long it took. A command that cannot write the log changes nothing. Secrets are
never in it. The lines are chained by SHA-256, so that an edit, a cut or a changed order is found.`,
		Commands: []*command{auditListVerb(), auditVerifyVerb()},
	}
}

func auditListVerb() *command {
	return &command{
		Name: "list", Summary: "list the changes",
		Description: "Lists the records of the audit log, oldest first. All times are UTC.",
		Flags: []flag{
			stringFlag("since", "TIME", "only records since a time (2026-01-31, 2026-01-31T12:00:00Z) or an age (24h, 7d)"),
			intFlag("last", "N", "only the last N records; 0 is all").Default("0"),
			stringFlag("command", "COMMAND", "only this command ('lto write') or group ('lto')"),
		},
		Examples: []example{
			{"calypso audit list --since 24h", "what was changed today"},
			{"calypso audit list --command lto --last 10 --json", "the last changes made with lto, for a script"},
		},
		Run: runAuditList,
	}
}

// auditListDoc is `calypso audit list --json`.
type auditListDoc struct {
	File     string           `json:"file"`
	Records  []auditRecordDoc `json:"records"`
	BadLines int              `json:"bad_lines"` // lines that are no records: see audit verify
}

// auditRecordDoc is one record. Numbers of records and users are small, so they are JSON numbers.
type auditRecordDoc struct {
	Seq             int64     `json:"seq"`
	Time            time.Time `json:"time"`
	UID             int       `json:"uid"`
	User            string    `json:"user"`
	SudoUser        *string   `json:"sudo_user"`
	LoginUID        *uint32   `json:"login_uid"`
	Host            string    `json:"host"`
	PID             int       `json:"pid"`
	Command         string    `json:"command"`
	Object          *string   `json:"object"`
	Args            []string  `json:"args"`
	Outcome         string    `json:"outcome"`
	ExitCode        int       `json:"exit_code"`
	ErrorCode       *string   `json:"error_code"`
	DurationSeconds float64   `json:"duration_seconds"`
}

func runAuditList(_ context.Context, inv *invocation) error {
	filter, err := auditFilter(inv, time.Now())
	if err != nil {
		return err
	}
	records, bad, err := audit.List(inv.places.AuditFile, filter)
	if err != nil {
		return err
	}
	doc := auditListDoc{File: inv.places.AuditFile, BadLines: bad}
	for _, r := range records {
		doc.Records = append(doc.Records, auditRecordOf(r))
	}
	if bad > 0 {
		inv.warn("%d lines of the log are no records; see 'calypso audit verify'", bad)
	}
	return inv.emit(doc, doc.page)
}

func auditFilter(inv *invocation, now time.Time) (audit.Filter, error) {
	f := audit.Filter{Last: int(inv.integer("last")), Command: inv.str("command")}
	if f.Last < 0 {
		return f, usageErrorf("--last: %d is negative", f.Last)
	}
	if !inv.isSet("since") {
		return f, nil
	}
	since, err := parseSince(inv.str("since"), now)
	f.Since = since
	return f, err
}

// parseSince reads a UTC date, a time, or an age before now.
func parseSince(text string, now time.Time) (time.Time, error) {
	if age, err := parseDuration(text); err == nil {
		return now.Add(-age), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageErrorf("--since: %q is no time such as 2026-01-31, 2026-01-31T12:00:00Z or 24h", text)
}

func auditRecordOf(r audit.Record) auditRecordDoc {
	return auditRecordDoc{
		Seq: r.Seq, Time: r.Time, UID: r.UID, User: r.User, SudoUser: r.SudoUser, LoginUID: r.LoginUID, Host: r.Host,
		PID: r.PID, Command: r.Command, Object: orNull(r.Object), Args: r.Args, Outcome: r.Outcome, ExitCode: r.ExitCode,
		ErrorCode: orNull(r.ErrorCode), DurationSeconds: float64(r.DurationMS) / 1000,
	}
}

func (d auditListDoc) page(p *page) {
	t := newTable("time", "user", "command", "object", "outcome", ">exit", ">seconds")
	for _, r := range d.Records {
		who := r.User
		if r.SudoUser != nil {
			who = *r.SudoUser + "/" + r.User
		}
		t.row(r.Time, who, r.Command, r.Object, r.Outcome, r.ExitCode, r.DurationSeconds)
	}
	p.table(t, "no records")
}

func auditVerifyVerb() *command {
	return &command{
		Name: "verify", Summary: "check that the log was not edited",
		Description: `Reads the whole log and checks its chain. A line that was changed, removed, inserted or moved is named; so is a
cut of the end. Who may write the log and the file beside it can forge both: keep a copy elsewhere.

Logs that were moved away by rotation can be named, oldest first: the chain runs through them.`,
		Args:     []arg{{Name: "OLDER", Usage: "logs that were moved away, oldest first", Optional: true, Repeated: true, Files: true}},
		Examples: []example{{"calypso audit verify", "check the log"}, {"calypso audit verify /var/log/calypso/audit.jsonl.1", "check it with the one before"}},
		Exits:    []errcode.Exit{errcode.ExitMismatch},
		Run:      runAuditVerify,
	}
}

// auditVerifyDoc is `calypso audit verify --json` of a log in order; a broken one is an error.
type auditVerifyDoc struct {
	File      string   `json:"file"`
	Records   int64    `json:"records"`
	FirstSeq  *int64   `json:"first_seq"`
	LastSeq   *int64   `json:"last_seq"`
	TornLines []int    `json:"torn_lines"`
	Notes     []string `json:"notes"`
}

func runAuditVerify(_ context.Context, inv *invocation) error {
	inv.setObject("")
	found, err := audit.Verify(inv.places.AuditFile, inv.argList("OLDER")...)
	if err != nil {
		return err
	}
	doc := auditVerifyDoc{File: inv.places.AuditFile, Records: found.Records, TornLines: found.Torn, Notes: found.Notes}
	if found.Records > 0 {
		doc.FirstSeq, doc.LastSeq = &found.FirstSeq, &found.LastSeq
	}
	for _, note := range found.Notes {
		inv.note("%s", note)
	}
	return inv.emit(doc, func(p *page) { p.line("%s: %d records, in order", doc.File, doc.Records) })
}
