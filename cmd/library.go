package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"calypso/sys/errcode"
	"calypso/tape"
)

func libraryGroup() *command {
	return &command{
		Name: "library", Summary: "see and move the cartridges of a tape library",
		Description: "A library has slots (counted from 1), drives (counted from 0) and I/O slots (counted from 1) through which cartridges come and go. Element addresses are the numbers the changer itself uses.\n\nA drive that is in use refuses to give its cartridge away: the command ends with status 11 and says who uses it.",
		Commands: []*command{
			libraryListCommand(), libraryShowCommand(), robotVerb(libraryInventoryCommand()), robotVerb(libraryLoadCommand()),
			robotVerb(libraryUnloadCommand()), robotVerb(libraryMoveCommand()), robotVerb(libraryImportCommand()),
			robotVerb(libraryExportCommand()), robotVerb(libraryExchangeCommand()), libraryAuditCommand(), libraryDiscoverCommand(),
		},
	}
}

// robotVerb completes the declaration of a verb that makes the robot work.
func robotVerb(c *command) *command {
	c.Flags = append(c.Flags, reserveFlag())
	return c
}

func libraryArg() arg { return arg{Name: "LIBRARY", Usage: "name of the library"} }

var moveExits = []errcode.Exit{errcode.ExitNotFound, errcode.ExitBusy, errcode.ExitRefused, errcode.ExitUnsupported, errcode.ExitDevice, errcode.ExitMismatch, errcode.ExitNoSpace}

// libraryListDoc is `calypso library list --json`.
type libraryListDoc struct {
	Libraries []libraryLineDoc `json:"libraries"`
}

type libraryLineDoc struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Serial  string `json:"serial"`
	Drives  int    `json:"drives"`
	Slots   *int   `json:"slots"` // null: the changer is not asked
	IOSlots *int   `json:"io_slots"`
	Tapes   *int   `json:"tapes"`
}

func libraryListCommand() *command {
	return &command{
		Name: "list", Summary: "list the libraries",
		Description: "Lists every library that calypso knows.",
		Examples:    []example{{"calypso library list", "list the libraries"}, {"calypso library list --json | jq -r '.libraries[].name'", "their names alone"}},
		Run:         runLibraryList,
	}
}

func runLibraryList(_ context.Context, inv *invocation) error {
	libraries, err := inv.libraries()
	if err != nil {
		return err
	}
	var doc libraryListDoc
	t := newTable("name", "kind", "serial", ">drives", ">slots", ">io slots", ">tapes")
	for _, lib := range libraries {
		l := lib.line()
		doc.Libraries = append(doc.Libraries, l)
		t.row(l.Name, l.Kind, l.Serial, l.Drives, l.Slots, l.IOSlots, l.Tapes)
	}
	return inv.emit(doc, func(p *page) { p.table(t, "no libraries; 'calypso vtl create' makes one") })
}

// libraryShowDoc is what a library holds: `calypso library show --json` and `inventory --json`.
type libraryShowDoc struct {
	Library string       `json:"library"`
	Serial  string       `json:"serial"`
	Vendor  string       `json:"vendor"`
	Product string       `json:"product"`
	Drives  []driveDoc   `json:"drives"`
	Slots   []elementDoc `json:"slots"`
	IOSlots []elementDoc `json:"io_slots"`
}

type driveDoc struct {
	Name           string  `json:"name"`
	Drive          int     `json:"drive"`
	ElementAddress int     `json:"element_address"`
	Serial         *string `json:"serial"`
	Product        *string `json:"product"`
	Full           bool    `json:"full"`
	Barcode        *string `json:"barcode"`
	HomeSlot       *int    `json:"home_slot"`
	Cleaning       bool    `json:"cleaning"`
	Exception      *string `json:"exception"` // what the library says is wrong with the place
	HeldBy         *string `json:"-"`
}

type elementDoc struct {
	Number         int     `json:"number"`
	ElementAddress int     `json:"element_address"`
	Full           bool    `json:"full"`
	Barcode        *string `json:"barcode"`
	Cleaning       bool    `json:"cleaning"`
	Accessible     bool    `json:"accessible"`
	Exception      *string `json:"exception"`
}

func exceptionText(e tape.Element) *string {
	if !e.Exception {
		return nil
	}
	return addressOf(e.ASC.String())
}

func libraryShowCommand() *command {
	return &command{
		Name: "show", Summary: "show what is in each drive and slot of a library",
		Description: "Shows the drives, slots and I/O slots with their cartridges, as the changer reports them. It takes no lock and disturbs nothing.",
		Args:        []arg{libraryArg()},
		Flags:       []flag{boolFlag("full", "leave empty slots out of the table"), formatFlag("mtx", "mtx status")},
		Examples: []example{
			{"calypso library show vtl01", "what is where"},
			{"calypso library show vtl01 --json | jq -r '.slots[]|select(.full).barcode'", "the barcodes in slots"},
			{"calypso library show /dev/sg3 --format mtx", "for a script that reads the answer of 'mtx status'"},
		},
		Exits: []errcode.Exit{errcode.ExitNotFound, errcode.ExitRefused, errcode.ExitUnsupported, errcode.ExitDevice},
		Run:   runLibraryShow,
	}
}

func runLibraryShow(ctx context.Context, inv *invocation) (err error) {
	foreign, err := inv.foreign()
	if err != nil {
		return err
	}
	c, err := inv.observeChanger(ctx, inv.arg("LIBRARY"))
	if err != nil {
		return err
	}
	defer closeInto(&err, c)
	if foreign {
		return inv.showMtx(ctx, c)
	}
	return inv.showInventory(ctx, c, inv.flag("full"))
}

func libraryInventoryCommand() *command {
	return &command{
		Name: "inventory", Summary: "make the library look at every slot again, then show it",
		Description: "Tells the changer to look into every element and read every barcode (INITIALIZE ELEMENT STATUS), then shows the result. A large real library needs many minutes. Cartridges that were lost when a move failed are named and known again where they are found.",
		Args:        []arg{libraryArg()},
		Examples:    []example{{"calypso library inventory vtl01", "look again at everything"}},
		Exits:       moveExits, Mutates: true,
		Run: runLibraryInventory,
	}
}

func runLibraryInventory(ctx context.Context, inv *invocation) (err error) {
	c, err := inv.openChanger(ctx, inv.arg("LIBRARY"))
	if err != nil {
		return err
	}
	defer closeInto(&err, c)
	if !inv.dryRun {
		if err := c.Initialize(ctx); err != nil {
			return err
		}
	}
	doc, v, err := inv.readInventory(ctx, c)
	if err != nil {
		return err
	}
	found, err := inv.foundAgain(ctx, c, v)
	if err != nil {
		return err
	}
	for _, f := range found {
		inv.note("%s is in %s: %s", f.Barcode, f.Place.String(), f.Trouble)
	}
	return inv.emit(libraryInventoryDoc{doc, found}, func(p *page) { p.library(doc, false) })
}

// libraryInventoryDoc is `calypso library inventory --json`.
type libraryInventoryDoc struct {
	libraryShowDoc
	FoundAgain []foundAgainDoc `json:"found_again"`
}

func (inv *invocation) showInventory(ctx context.Context, c *changer, fullOnly bool) error {
	doc, _, err := inv.readInventory(ctx, c)
	if err != nil {
		return err
	}
	return inv.emit(doc, func(p *page) { p.library(doc, fullOnly) })
}

func (inv *invocation) readInventory(ctx context.Context, c *changer) (doc libraryShowDoc, v tape.Inventory, err error) {
	id, err := c.Identify(ctx)
	if err != nil {
		return doc, v, err
	}
	if v, err = c.Inventory(ctx); err != nil {
		return doc, v, err
	}
	doc = libraryShowDoc{Library: c.library.Name, Serial: id.Serial, Vendor: id.Vendor, Product: id.Product}
	for _, e := range v.Of(tape.DriveBay) {
		doc.Drives = append(doc.Drives, newDriveDoc(c.library.Name, v, e))
	}
	doc.Slots, doc.IOSlots = elementDocs(v.Of(tape.Slot)), elementDocs(v.Of(tape.IO))
	return doc, v, nil
}

func newDriveDoc(library string, v tape.Inventory, e tape.Element) driveDoc {
	d := driveDoc{Name: fmt.Sprintf("%s:%d", library, e.Number), Drive: e.Number, ElementAddress: int(e.Address),
		Serial: orNull(e.DriveSerial), Product: orNull(e.DriveProduct), Full: e.Full, Barcode: orNull(e.Barcode), Cleaning: e.Cleaning, Exception: exceptionText(e)}
	if home, ok := v.ByAddress(uint16(e.Source)); ok && e.Full && e.Source >= 0 && home.Kind == tape.Slot {
		d.HomeSlot = &home.Number
	}
	return d
}

func elementDocs(list []tape.Element) []elementDoc {
	docs := make([]elementDoc, 0, len(list))
	for _, e := range list {
		docs = append(docs, elementDoc{e.Number, int(e.Address), e.Full, orNull(e.Barcode), e.Cleaning, e.Accessible, exceptionText(e)})
	}
	return docs
}

// library draws drives, slots and I/O slots.
func (p *page) library(doc libraryShowDoc, fullOnly bool) {
	p.line("library %s  %s %s  serial %s", doc.Library, doc.Vendor, doc.Product, doc.Serial)
	p.blank()
	headers := []string{"drive", ">address", "serial", "product", "barcode", "home slot"}
	noted := slices.ContainsFunc(doc.Drives, func(d driveDoc) bool { return d.Exception != nil })
	if noted {
		headers = append(headers, "note")
	}
	t := newTable(headers...)
	for _, d := range doc.Drives {
		t.row([]any{d.Name, d.ElementAddress, d.Serial, d.Product, d.Barcode, d.HomeSlot, d.Exception}[:len(headers)]...)
	}
	p.table(t, "no drives")
	for _, part := range []struct {
		name string
		list []elementDoc
	}{{"slot", doc.Slots}, {"io slot", doc.IOSlots}} {
		t := elementTable(part.name, part.list, fullOnly)
		if len(t.rows) > 0 {
			p.blank()
		}
		p.table(t, "no "+part.name+"s")
	}
}

// note is what is unusual about a place.
func (e elementDoc) note() string {
	switch {
	case e.Exception != nil:
		return *e.Exception
	case !e.Accessible:
		return "the robot cannot reach it"
	case e.Cleaning:
		return "cleaning cartridge"
	}
	return ""
}

// elementTable has a column for notes only when there is one.
func elementTable(name string, list []elementDoc, fullOnly bool) *table {
	headers := []string{">" + name, ">address", "barcode"}
	noted := slices.ContainsFunc(list, func(e elementDoc) bool { return e.note() != "" })
	if noted {
		headers = append(headers, "note")
	}
	t := newTable(headers...)
	for _, e := range list {
		row := []any{e.Number, e.ElementAddress, e.Barcode}
		if noted {
			row = append(row, e.note())
		}
		if e.Full || !fullOnly || e.Exception != nil {
			t.row(row...)
		}
	}
	return t
}

// movedDoc is what a move did: `calypso library load|unload|move|import|export --json`.
type movedDoc struct {
	Library string      `json:"library"`
	Moves   []moveEntry `json:"moves"`
}

type moveEntry struct {
	Barcode *string  `json:"barcode"`
	From    placeDoc `json:"from"`
	To      placeDoc `json:"to"`
}

type placeDoc struct {
	Kind           string `json:"kind"`
	Number         int    `json:"number"`
	ElementAddress int    `json:"element_address"`
}

func newPlaceDoc(e tape.Element) placeDoc {
	return placeDoc{strings.ReplaceAll(e.Kind.String(), " ", "_"), e.Number, int(e.Address)}
}

// emitMoves says what was moved, or would be.
func (inv *invocation) emitMoves(library string, moves []tape.Moved) error {
	doc := movedDoc{Library: library}
	for _, m := range moves {
		doc.Moves = append(doc.Moves, moveEntry{orNull(m.Barcode), newPlaceDoc(m.From), newPlaceDoc(m.To)})
	}
	return inv.emit(doc, func(p *page) {
		verb := "moved"
		if inv.dryRun {
			verb = "would move"
		}
		for _, m := range moves {
			p.line("%s %s from %s to %s of %s", verb, cell(m.Barcode), m.From, m.To, library)
		}
	})
}
