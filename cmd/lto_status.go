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
	"calypso/tape/status"
)

func ltoStatusCommand() *command {
	return ltoVerb(&command{
		Name: "status", Summary: "show the drive, its cartridge and what is unfinished on it",
		Description: `Asks the drive once for all that it tells: whether it is ready, what it is, what is loaded and how full, where the tape is, who may not write on it, compression and encryption, its alerts, what it does. From the catalog comes whether the cartridge is known there and whether an archive on it was left incomplete. What the drive does not tell is not known, and never 0.

Takes no lock and does not disturb a running job. Who uses the drive is shown: a calypso, another program of this host that has its node open (as far as you may see: as root all), and a host that has reserved it. A drive that another host has reserved for itself is in state 'reserved' and tells little. While a process uses a virtual drive, what only the holder knows (the position, the activity, the key, the ratio of compression) is not known.

What was seen last is kept in the state directory. A drive that cannot be asked now is shown as it was then, with the time: 'stale' is true, and 'stale_parts' lists what is of that time.

--format mt answers as 'mt -f /dev/nst0 status' of Debian's mt-st does. For a drive behind the kernel it asks the driver, as mt does, so it is refused while another program has the drive.`,
		Flags: []flag{formatFlag("mt", "mt status")},
		Examples: []example{
			{"calypso lto status -f vtl01:0", "how things are"},
			{"calypso lto status -f vtl01:0 --json | jq -r .state", "the state in one word"},
			{"calypso lto status -f vtl01:0 --json | jq .medium.remaining_bytes", "how much room is left on the tape"},
			{"calypso lto status -f vtl01:0 --format mt", "for a script that reads the answer of 'mt status'"},
		},
		Run: runLTOStatus,
	})
}

// statusDoc is `calypso lto status --json`.
type statusDoc struct {
	Drive             string              `json:"drive"`
	Online            bool                `json:"online"` // false: the drive could not be asked
	Vendor            string              `json:"vendor"`
	Product           string              `json:"product"`
	Revision          string              `json:"revision"`
	Serial            string              `json:"serial"`
	State             string              `json:"state"`
	ReadyState        *string             `json:"ready_state"` // state, whoever uses the drive
	Progress          *float64            `json:"progress_ratio"`
	Sense             *senseDoc           `json:"sense"` // why it is not ready
	HeldBy            *holderDoc          `json:"held_by"`
	Reservation       *reservationDoc     `json:"reservation"` // of a host, see 'lto reserve list'
	Stale             bool                `json:"stale"`
	AsOf              time.Time           `json:"as_of"` // the oldest part of the answer
	StaleParts        []string            `json:"stale_parts"`
	Activity          *string             `json:"activity"`
	CleaningRequested *bool               `json:"cleaning_requested"`
	CleaningRequired  *bool               `json:"cleaning_required"`
	Medium            *mediumDoc          `json:"medium"`
	Registered        *bool               `json:"registered"` // the catalog knows the cartridge
	Position          *positionDoc        `json:"position"`
	Compression       *compressionDoc     `json:"compression"`
	Encryption        *driveEncryptionDoc `json:"encryption"`
	Alerts            *statusAlertsDoc    `json:"alerts"`
	Volume            *string             `json:"volume"`
	Archives          *int                `json:"archives"`
	Incomplete        []unfinishedDoc     `json:"incomplete"`
	Warnings          []string            `json:"warnings"`
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

func runLTOStatus(ctx context.Context, inv *invocation) error {
	switch foreign, err := inv.foreign(); {
	case err != nil:
		return err
	case foreign:
		return inv.statusMt(ctx)
	}
	doc, err := inv.lookAtStatus(ctx)
	if err != nil {
		if doc, err = inv.lastKnown(ctx, err); err != nil {
			return err
		}
	}
	if doc.Medium != nil && doc.Medium.Barcode != nil {
		doc.readCatalog(inv.catalog(), *doc.Medium.Barcode)
	}
	for _, w := range doc.Warnings {
		inv.warn("%s", w)
	}
	return inv.emit(*doc, func(p *page) { p.status(doc) })
}

// lookAtStatus asks the drive, and keeps what it told for when it cannot be asked.
func (inv *invocation) lookAtStatus(ctx context.Context) (doc *statusDoc, err error) {
	d, holder, err := inv.observeDrive(ctx)
	if err != nil {
		return nil, err
	}
	defer closeInto(&err, d)
	facts, err := status.Gather(ctx, d.Drive)
	if err != nil {
		return nil, err
	}
	if holder != nil && d.playedHere() {
		facts.Disown()
	}
	locked := holder == nil
	if locked {
		holder = foreignHolder(d.device)
	}
	doc = newStatusDoc(d.device, facts, holder)
	doc.nameKey(inv.keys())
	switch {
	case facts.Ready.State == tape.BecomingReady:
		doc.remember(inv.readStatusSnapshot(d.serial))
	case facts.LockedOut: // little was told
	case locked: // another one writes it down when it is done
		inv.keepStatus(*doc)
	}
	return doc, nil
}

// newStatusDoc is the answer of the drive. holder is who uses it meanwhile.
func newStatusDoc(dev device, f status.Facts, holder *lock.Holder) *statusDoc {
	ready := stateWord(f.Ready.State, nil)
	doc := &statusDoc{
		Drive: dev.name, Online: true, Vendor: f.Identity.Vendor, Product: f.Identity.Product, Revision: f.Identity.Revision,
		Serial: dev.serial, State: stateWord(f.Ready.State, holder), ReadyState: &ready, HeldBy: newHolderDoc(holder),
		AsOf: time.Now().UTC(), Activity: orNull(f.Activity()), Compression: newCompressionDoc(f),
		Encryption: newDriveEncryptionDoc(f.Encryption), Alerts: newStatusAlertsDoc(f.Alerts), Warnings: f.Problems,
	}
	doc.Reservation = newReservationDoc(f.Reservation)
	if f.LockedOut && holder == nil {
		doc.State = "reserved"
	}
	if f.Ready.Progress >= 0 {
		doc.Progress = &f.Ready.Progress
	}
	if s := f.Ready.Sense; s.Key != 0 || s.ASC != 0 {
		doc.Sense = failure{sense: &s}.doc().Sense
	}
	if s := f.Device; s != nil {
		doc.CleaningRequested, doc.CleaningRequired = &s.CleaningRequested, &s.CleaningRequired
	}
	if f.Position != nil {
		doc.Position = newPositionDoc(*f.Position)
	}
	doc.setMedium(dev, f, holder)
	if dev.playedHere() {
		doc.setHolder(holder)
	}
	return doc
}

// setHolder says what the answer is worth while another process plays the drive: it is of the time at
// which that process began.
func (doc *statusDoc) setHolder(holder *lock.Holder) {
	if holder == nil {
		return
	}
	doc.Stale = true
	if !holder.Since.IsZero() {
		doc.AsOf = holder.Since
	}
}

// setMedium adds the cartridge. One that cannot be asked is known by what the library says.
func (doc *statusDoc) setMedium(dev device, f status.Facts, holder *lock.Holder) {
	if f.Medium != nil {
		doc.Medium = newMediumDoc(f)
		if doc.Medium.Barcode == nil { // the cartridge memory does not say: the library read the label
			doc.Medium.Barcode = orNull(dev.library.LoadedIn(dev.number))
		}
		return
	}
	barcode := dev.library.LoadedIn(dev.number)
	if barcode == "" {
		return
	}
	doc.Medium = &mediumDoc{Barcode: &barcode, Kind: orNull(f.Kind())}
	if f.Ready.State == tape.Empty { // it was unloaded and lies in the mouth of the drive
		doc.ReadyState = addressOf(stateWord(tape.NeedsLoad, nil))
		if holder == nil {
			doc.State = *doc.ReadyState
		}
	}
}

func addressOf[T any](v T) *T { return &v }

func stateWord(s tape.ReadyState, holder *lock.Holder) string {
	if holder != nil {
		return "busy"
	}
	return map[tape.ReadyState]string{tape.Ready: "ready", tape.Empty: "empty", tape.BecomingReady: "becoming_ready",
		tape.NeedsLoad: "not_loaded", tape.NeedsOperator: "needs_operator"}[s]
}

// readCatalog adds what is known of the cartridge. A damaged catalog is a warning: the drive's state
// is what was asked for.
func (doc *statusDoc) readCatalog(store *catalog.Store, volume string) {
	c, err := store.Get(volume)
	var archives []catalog.Archive
	if err == nil {
		archives, err = store.Archives(volume)
	}
	switch {
	case errcode.Of(err) == errcode.MediaNotFound:
		doc.Registered = addressOf(false)
		return
	case err != nil:
		doc.Warnings = append(doc.Warnings, err.Error())
		return
	}
	n := len(archives)
	doc.Registered, doc.Volume, doc.Archives = addressOf(true), &c.Volume, &n
	for _, a := range archives {
		if !a.Complete {
			doc.Incomplete = append(doc.Incomplete, newUnfinishedDoc(a.File, a.Name, a.Started, a.Reason))
		}
	}
	if w := announced(c, archives); w != nil && (doc.HeldBy == nil || doc.HeldBy.PID != w.PID) {
		doc.Incomplete = append(doc.Incomplete, newUnfinishedDoc(w.File, w.Name, w.Started, "its writer died; the next write closes it"))
	}
}
