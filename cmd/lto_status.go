package cmd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/lock"
	"calypso/tape"
	"calypso/tape/catalog"
)

func ltoStatusCommand() *command {
	return ltoVerb(&command{
		Name: "status", Summary: "show the drive, its cartridge and what is unfinished on it",
		Description: "Shows whether the drive is ready, what is loaded, where the tape is, and whether an archive on it was left incomplete. Takes no lock and does not disturb a running job: while one runs, its holder is shown, the position is unknown and 'stale' is true.",
		Examples: []example{
			{"calypso lto status -f vtl01:0", "how things are"},
			{"calypso lto status -f vtl01:0 --json | jq -r .state", "the state in one word"},
		},
		Run: runLTOStatus,
	})
}

// statusDoc is `calypso lto status --json`.
type statusDoc struct {
	Drive      string          `json:"drive"`
	Vendor     string          `json:"vendor"`
	Product    string          `json:"product"`
	Revision   string          `json:"revision"`
	Serial     string          `json:"serial"`
	State      string          `json:"state"`
	HeldBy     *holderDoc      `json:"held_by"`
	Stale      bool            `json:"stale"`
	Medium     *mediumDoc      `json:"medium"`
	Position   *positionDoc    `json:"position"`
	Volume     *string         `json:"volume"`
	Archives   *int            `json:"archives"`
	Incomplete []unfinishedDoc `json:"incomplete"`
	Warnings   []string        `json:"warnings"`
}

type mediumDoc struct {
	Barcode        *string `json:"barcode"`
	Generation     *string `json:"generation"`
	WriteProtected *bool   `json:"write_protected"`
	WORM           *bool   `json:"worm"`
	CapacityBytes  *int64  `json:"capacity_bytes"`
	RemainingBytes *int64  `json:"remaining_bytes"`
	LoadCount      *int64  `json:"load_count"`
	WrittenBytes   *int64  `json:"written_lifetime_bytes"`
	ReadBytes      *int64  `json:"read_lifetime_bytes"`
	Serial         *string `json:"serial"`
	Manufacturer   *string `json:"manufacturer"`
	BlockBytes     *int    `json:"block_bytes"`
}

func newMediumDoc(m tape.Medium) *mediumDoc {
	return &mediumDoc{orNull(m.Barcode), orNull(m.Generation), &m.WriteProtected, &m.WORM, known(m.CapacityBytes),
		known(m.RemainingBytes), known(m.LoadCount), known(m.WrittenBytes), known(m.ReadBytes), orNull(m.Serial), orNull(m.Manufacturer), &m.BlockLength}
}

// unfinishedDoc is an archive that was not written to its end.
type unfinishedDoc struct {
	File    int64      `json:"file"`
	Name    *string    `json:"name"`
	Started *time.Time `json:"started"`
	Reason  string     `json:"reason"`
}

// newUnfinishedDoc leaves null what is not known of an archive without a manifest.
func newUnfinishedDoc(file int64, name string, started time.Time, reason string) unfinishedDoc {
	doc := unfinishedDoc{File: file, Name: orNull(name), Reason: reason}
	if !started.IsZero() {
		doc.Started = &started
	}
	return doc
}

// String is one line for a person.
func (u unfinishedDoc) String() string {
	text := fmt.Sprintf("incomplete: file %d", u.File)
	if u.Name != nil {
		text += fmt.Sprintf(" %q", *u.Name)
	}
	if u.Started != nil {
		text += " of " + cell(u.Started)
	}
	return text + ": " + u.Reason
}

// announced is the archive that the catalog announces and does not have: it is being written, or its
// writer died.
func announced(c *catalog.Cartridge, archives []catalog.Archive) *catalog.InFlight {
	w := c.Writing
	if w != nil && slices.ContainsFunc(archives, func(a catalog.Archive) bool { return a.File == w.File }) {
		return nil // only taking the announcement back was left to do
	}
	return w
}

func runLTOStatus(ctx context.Context, inv *invocation) (err error) {
	d, holder, err := inv.observeDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	doc := statusDoc{Drive: d.name, Serial: d.serial, HeldBy: newHolderDoc(holder), Stale: holder != nil}
	if err := doc.look(ctx, d, holder); err != nil {
		return err
	}
	if doc.Medium != nil && doc.Medium.Barcode != nil {
		doc.readCatalog(inv.catalog(), *doc.Medium.Barcode, holder)
	}
	for _, w := range doc.Warnings {
		inv.warn("%s", w)
	}
	return inv.emit(doc, func(p *page) { p.status(doc) })
}

// look asks the drive.
func (doc *statusDoc) look(ctx context.Context, d *drive, holder *lock.Holder) error {
	id, err := d.Identify(ctx)
	if err != nil {
		return err
	}
	doc.Vendor, doc.Product, doc.Revision = id.Vendor, id.Product, id.Revision
	r, err := d.Ready(ctx)
	if err != nil {
		return err
	}
	doc.State = stateWord(r.State, holder)
	if r.State != tape.Ready {
		if barcode := d.library.LoadedIn(d.number); barcode != "" {
			doc.Medium = &mediumDoc{Barcode: &barcode}
			if r.State == tape.Empty && holder == nil {
				doc.State = stateWord(tape.NeedsLoad, nil) // it was unloaded and lies in the mouth of the drive
			}
		}
		return nil
	}
	m, err := d.Medium(ctx)
	if err != nil {
		return err
	}
	doc.Medium = newMediumDoc(m)
	if holder != nil {
		return nil // the position belongs to who uses the drive, and only he knows it
	}
	pos, err := d.Position(ctx)
	if err != nil {
		return err
	}
	doc.Position = newPositionDoc(pos)
	return nil
}

func stateWord(s tape.ReadyState, holder *lock.Holder) string {
	if holder != nil {
		return "busy"
	}
	return map[tape.ReadyState]string{tape.Ready: "ready", tape.Empty: "empty", tape.BecomingReady: "becoming_ready",
		tape.NeedsLoad: "not_loaded", tape.NeedsOperator: "needs_operator"}[s]
}

// readCatalog adds what is known of the cartridge. A damaged catalog is a warning: the drive's state
// is what was asked for.
func (doc *statusDoc) readCatalog(store *catalog.Store, volume string, holder *lock.Holder) {
	c, err := store.Get(volume)
	var archives []catalog.Archive
	if err == nil {
		archives, err = store.Archives(volume)
	}
	switch {
	case errcode.Of(err) == errcode.MediaNotFound:
		return
	case err != nil:
		doc.Warnings = append(doc.Warnings, err.Error())
		return
	}
	n := len(archives)
	doc.Volume, doc.Archives = &c.Volume, &n
	for _, a := range archives {
		if !a.Complete {
			doc.Incomplete = append(doc.Incomplete, newUnfinishedDoc(a.File, a.Name, a.Started, a.Reason))
		}
	}
	if w := announced(c, archives); w != nil && (holder == nil || holder.PID != w.PID) {
		doc.Incomplete = append(doc.Incomplete, newUnfinishedDoc(w.File, w.Name, w.Started, "its writer died; the next write closes it"))
	}
}

// catalogText says how many archives the catalog has: the tape itself was not read.
func catalogText(archives *int) string {
	if archives == nil {
		return "not known"
	}
	return counted(*archives, "archive")
}

func (p *page) status(doc statusDoc) {
	list := []any{"drive", doc.Drive, "product", fmt.Sprintf("%s %s, firmware %s, serial %s", doc.Vendor, doc.Product, doc.Revision, doc.Serial), "state", doc.State}
	if h := doc.HeldBy; h != nil {
		list = append(list, "in use by", fmt.Sprintf("pid %d (%s) since %s", h.PID, h.Command, cell(h.Since)))
	}
	if m := doc.Medium; m != nil {
		list = append(list, "barcode", m.Barcode, "volume", doc.Volume, "generation", m.Generation)
		if m.CapacityBytes != nil && m.RemainingBytes != nil {
			list = append(list, "capacity", fmt.Sprintf("%s, %s left", bytesText(*m.CapacityBytes), bytesText(*m.RemainingBytes)))
		}
		list = append(list, "write-protected", m.WriteProtected, "loads", m.LoadCount, "in catalog", catalogText(doc.Archives))
	}
	if doc.Position != nil {
		list = append(list, "position", doc.Position.String())
	}
	p.pairs(list...)
	for _, u := range doc.Incomplete {
		p.line("%s", u)
	}
}
