package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/whereabouts"
)

func libraryAuditCommand() *command {
	return &command{
		Name: "audit", Summary: "compare where the cartridges are known to be with where they are",
		Description: `Compares where each cartridge was when calypso last knew, after a move or an audit with --accept, with what the library reports now. It moves nothing and takes no lock. The table shows what is not where it was, with a verdict:

  moved        it is somewhere else: somebody moved it
  missing      it is not in the library, or was lost on its way
  stuck        it is still in the drive that it was to leave, or in the
               hand of the robot
  stranger     it is in the library and nobody knew of it
  unreadable   a cartridge whose barcode cannot be read
  exception    the library reports what is wrong with the place

These count as right: there; loaded (another program put it into a drive, and the library knows that it came from where it was); taken_out (it was put into an I/O slot and is gone); unrecorded (nothing is known of it, and the library was never accepted).

A library answers from its memory. When something is amiss, 'calypso library inventory' makes it look again; then audit again. --accept takes everything for known as it is, from then on the whole library is held to that.`,
		Args: []arg{libraryArg()},
		Flags: []flag{
			boolFlag("accept", "take the places of all cartridges for known as they are"),
			boolFlag("all", "show the cartridges that are where they should be too"),
		},
		Examples: []example{
			{"calypso library audit vtl01", "is everything where it should be"},
			{"calypso library audit vtl01 --accept", "what is there is right, from now on"},
			{"calypso library audit vtl01 --json | jq .wrong", "how many are not"},
		},
		Exits:       []errcode.Exit{errcode.ExitNotFound, errcode.ExitRefused, errcode.ExitDevice, errcode.ExitMismatch, errcode.ExitUnsupported},
		MutatesWith: "accept",
		Run:         runLibraryAudit,
	}
}

// libraryAuditDoc is `calypso library audit --json`.
type libraryAuditDoc struct {
	Library    string           `json:"library"`
	Serial     string           `json:"serial"`
	Accepted   *time.Time       `json:"accepted"` // null: never, so a cartridge of which nothing is known is no stranger
	Right      int              `json:"right"`
	Wrong      int              `json:"wrong"`
	Cartridges []auditedTapeDoc `json:"cartridges"`
}

type auditedTapeDoc struct {
	Barcode  *string    `json:"barcode"` // null: it cannot be read, or the place is empty
	Verdict  string     `json:"verdict"`
	Right    bool       `json:"right"`
	Expected *knownDoc  `json:"expected"` // null: nothing is known of it
	Found    *placeDoc  `json:"found"`    // null: nowhere
	Since    *time.Time `json:"since"`    // of what is known
	ASC      *int       `json:"asc"`      // of an exception
	ASCQ     *int       `json:"ascq"`
	Detail   *string    `json:"detail"`
}

// knownDoc is a place that the library may not have any more.
type knownDoc struct {
	Kind   string `json:"kind"`
	Number int    `json:"number"`
}

func runLibraryAudit(ctx context.Context, inv *invocation) (err error) {
	c, err := inv.observeChanger(ctx, inv.arg("LIBRARY"))
	if err != nil {
		return err
	}
	defer closeInto(&err, c)
	if c.library.Serial == "" {
		return errcode.New(errcode.DeviceUnsupported, c.library.Name, "the changer tells no serial number, by which the places of its cartridges would be known")
	}
	v, err := c.Inventory(ctx)
	if err != nil {
		return err
	}
	known, err := inv.whereabouts().Get(c.library.Serial)
	if err != nil {
		return err
	}
	doc := newAuditDoc(c.library, known, whereabouts.Compare(known, v))
	if err := inv.emit(doc, func(p *page) { p.audit(doc, inv.flag("all")) }); err != nil {
		return err
	}
	if inv.flag("accept") {
		return inv.accept(ctx, c, v)
	}
	return inv.verdict(doc)
}

func (inv *invocation) accept(ctx context.Context, c *changer, v tape.Inventory) error {
	if inv.dryRun {
		inv.note("would take all places for known as they are")
		return nil
	}
	if err := inv.whereabouts().Accept(ctx, c.library.Name, c.library.Serial, v, time.Now()); err != nil {
		return err
	}
	inv.note("all places are known as they are")
	return nil
}

func newAuditDoc(l *library, known whereabouts.Record, findings []whereabouts.Finding) libraryAuditDoc {
	doc := libraryAuditDoc{Library: l.Name, Serial: l.Serial, Cartridges: []auditedTapeDoc{}}
	if !known.Accepted.IsZero() {
		doc.Accepted = &known.Accepted
	}
	for _, f := range findings {
		if f.Verdict.Right() {
			doc.Right++
		} else {
			doc.Wrong++
		}
		doc.Cartridges = append(doc.Cartridges, newAuditedTapeDoc(f))
	}
	return doc
}

func newAuditedTapeDoc(f whereabouts.Finding) auditedTapeDoc {
	d := auditedTapeDoc{Barcode: orNull(f.Barcode), Verdict: string(f.Verdict), Right: f.Verdict.Right(), Detail: orNull(f.Detail)}
	if f.Expected != nil {
		d.Expected, d.Since = &knownDoc{newPlaceDoc(*f.Expected).Kind, f.Expected.Number}, &f.Since
	}
	if f.Found != nil {
		d.Found = addressOf(newPlaceDoc(*f.Found))
		if f.Verdict == whereabouts.Exception {
			d.ASC, d.ASCQ = addressOf(int(f.Found.ASC>>8)), addressOf(int(f.Found.ASC&0xFF))
		}
	}
	return d
}

// audit draws what is not where it should be, or all.
func (p *page) audit(doc libraryAuditDoc, all bool) {
	t := newTable("barcode", "verdict", "known in", "found in", "since", "detail")
	for _, c := range doc.Cartridges {
		if all || c.Verdict != string(whereabouts.There) && c.Verdict != string(whereabouts.Unrecorded) {
			t.row(c.Barcode, c.Verdict, c.Expected.String(), c.Found.String(), c.Since, c.Detail)
		}
	}
	p.table(t, "")
	p.line("%s of %s: %d right, %d wrong", counted(len(doc.Cartridges), "cartridge"), doc.Library, doc.Right, doc.Wrong)
}

func (d *knownDoc) String() string {
	if d == nil {
		return ""
	}
	return strings.ReplaceAll(d.Kind, "_", " ") + " " + fmt.Sprint(d.Number)
}

func (d *placeDoc) String() string {
	if d == nil {
		return ""
	}
	return (&knownDoc{d.Kind, d.Number}).String()
}

// verdict is the outcome for who only reads the exit status.
func (inv *invocation) verdict(doc libraryAuditDoc) error {
	if doc.Wrong == 0 {
		if doc.Accepted == nil {
			inv.note("strangers are not told yet; '--accept' takes the library for known as it is")
		}
		return nil
	}
	return errcode.New(errcode.LibraryMismatch, doc.Library, "%s of %d are not where they are known to be, or not as they should be", counted(doc.Wrong, "cartridge"), len(doc.Cartridges)).
		WithHint("'calypso library inventory %s' makes the library look again, then audit again; 'calypso media show BARCODE' says what is on a missing one; '--accept' if all is right as it is", doc.Library)
}

// foundAgain looks for the cartridges whose last move failed, and records where they are now.
func (inv *invocation) foundAgain(ctx context.Context, c *changer, v tape.Inventory) ([]foundAgainDoc, error) {
	found := []foundAgainDoc{}
	if c.library.Serial == "" {
		return found, nil
	}
	known, err := inv.whereabouts().Get(c.library.Serial)
	var moves []tape.Moved
	for _, k := range known.Cartridges {
		e, lookErr := v.ByBarcode(k.Barcode)
		if k.Trouble == "" || lookErr != nil || e.Kind == tape.Transport {
			continue
		}
		if e.Kind == tape.DriveBay && e.String() == k.Place {
			continue // it is stuck there
		}
		moves = append(moves, tape.Moved{Barcode: k.Barcode, From: e, To: e})
		found = append(found, foundAgainDoc{k.Barcode, newPlaceDoc(e), k.Trouble})
	}
	if len(moves) > 0 && !inv.dryRun {
		err = errors.Join(err, inv.moved(ctx, c, moves...))
	}
	return found, err
}

// foundAgainDoc is a cartridge that an inventory found after its last move had failed.
type foundAgainDoc struct {
	Barcode string   `json:"barcode"`
	Place   placeDoc `json:"place"`
	Trouble string   `json:"trouble"`
}
