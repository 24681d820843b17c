package cmd

import (
	"context"
	"errors"
	"slices"
	"strings"

	"calypso/sys/errcode"
	"calypso/tape"
)

func libraryLoadCommand() *command {
	return &command{
		Name: "load", Summary: "load a cartridge into a drive",
		Description: "Moves the cartridge of a slot, or the one with a barcode wherever it is, into a drive.",
		Args:        []arg{libraryArg()},
		Flags: []flag{
			intFlag("slot", "N", "the slot that holds the cartridge, from 1"),
			stringFlag("barcode", "BARCODE", "the cartridge, in place of --slot"),
			intFlag("drive", "N", "the drive, from 0").Default("0"),
		},
		Examples: []example{
			{"calypso library load vtl01 --slot 1 --drive 0", "load the cartridge of slot 1 into drive 0"},
			{"calypso library load vtl01 --barcode V00003L8", "load a cartridge by its barcode"},
		},
		Exits: moveExits, Mutates: true,
		Run: runLibraryLoad,
	}
}

func runLibraryLoad(ctx context.Context, inv *invocation) error {
	if inv.isSet("slot") == inv.isSet("barcode") {
		return usageErrorf("name the cartridge with either --slot or --barcode")
	}
	source := element{kind: tape.Slot, number: int(inv.integer("slot"))}
	if inv.isSet("barcode") {
		source = element{barcode: inv.str("barcode")}
	}
	return inv.move(ctx, source, element{kind: tape.DriveBay, number: int(inv.integer("drive"))})
}

func libraryUnloadCommand() *command {
	return &command{
		Name: "unload", Summary: "put the cartridge of a drive back into its slot",
		Description: "Unloads the drive and moves its cartridge to the slot it came from, to the first free one when that is taken, or to the one you name.",
		Args:        []arg{libraryArg()},
		Flags: []flag{
			intFlag("drive", "N", "the drive, from 0").Default("0"),
			intFlag("slot", "N", "put the cartridge into this slot"),
		},
		Examples: []example{{"calypso library unload vtl01 --drive 0", "put the cartridge of drive 0 away"}},
		Exits:    moveExits, Mutates: true,
		Run: runLibraryUnload,
	}
}

func runLibraryUnload(ctx context.Context, inv *invocation) error {
	target := element{kind: tape.Slot, home: true}
	if inv.isSet("slot") {
		target = element{kind: tape.Slot, number: int(inv.integer("slot"))}
	}
	return inv.move(ctx, element{kind: tape.DriveBay, number: int(inv.integer("drive"))}, target)
}

func libraryMoveCommand() *command {
	return &command{
		Name: "move", Summary: "move a cartridge from one place to another",
		Description: "SOURCE and DESTINATION are slot:N, drive:N or io:N; SOURCE may be a barcode.",
		Args: []arg{libraryArg(),
			{Name: "SOURCE", Usage: "slot:N, drive:N, io:N or a barcode"},
			{Name: "DESTINATION", Usage: "slot:N, drive:N or io:N"}},
		Examples: []example{
			{"calypso library move vtl01 slot:1 slot:9", "move a cartridge to another slot"},
			{"calypso library move vtl01 V00003L8 drive:1", "load a cartridge by its barcode"},
		},
		Exits: moveExits, Mutates: true,
		Run: runLibraryMove,
	}
}

func runLibraryMove(ctx context.Context, inv *invocation) error {
	source, err := parseSource(inv.arg("SOURCE"))
	if err != nil {
		return err
	}
	target, err := parsePlace(inv.arg("DESTINATION"))
	if err != nil {
		return err
	}
	return inv.move(ctx, source, target)
}

func libraryImportCommand() *command {
	return &command{
		Name: "import", Summary: "take cartridges from the I/O slots into slots",
		Description: "Moves the cartridge of one I/O slot, or those of all, into free slots or into the slot you name. When the I/O slots are empty, the person at the terminal is asked to put cartridges in; elsewhere --wait DURATION waits for them.",
		Args:        []arg{libraryArg()},
		Flags: []flag{
			intFlag("io-slot", "N", "the I/O slot, from 1; without it every full one"),
			intFlag("slot", "N", "the slot to put it into; without it the first free one"),
			waitFlag("put cartridges in"),
		},
		Examples: []example{
			{"calypso library import vtl01", "take everything from the I/O slots"},
			{"calypso library import vtl01 --wait 10m", "wait up to ten minutes for the operator to fill them"},
		},
		Exits: append([]errcode.Exit{errcode.ExitPartial}, moveExits...), Mutates: true,
		Run: runLibraryImport,
	}
}

func runLibraryImport(ctx context.Context, inv *invocation) (err error) {
	if inv.isSet("slot") && !inv.isSet("io-slot") {
		return usageErrorf("--slot wants --io-slot with it")
	}
	target := element{kind: tape.Slot, home: true}
	if inv.isSet("slot") {
		target = element{kind: tape.Slot, number: int(inv.integer("slot"))}
	}
	inv.expectPeople()
	if err := inv.awaitMailslot(ctx, mailslotFull(inv.arg("LIBRARY"), int(inv.integer("io-slot")))); err != nil {
		return err
	}
	if inv.isSet("io-slot") {
		return inv.move(ctx, element{kind: tape.IO, number: int(inv.integer("io-slot"))}, target)
	}
	c, err := inv.openChanger(ctx, inv.arg("LIBRARY"))
	if err != nil {
		return err
	}
	defer closeInto(&err, c)
	v, err := c.Inventory(ctx)
	if err != nil {
		return err
	}
	var sources []element
	for _, e := range v.Of(tape.IO) {
		if e.Full {
			sources = append(sources, element{kind: tape.IO, number: e.Number})
		}
	}
	if len(sources) == 0 {
		inv.note("the I/O slots are empty; put cartridges in, or let --wait DURATION wait for them")
	}
	moves, _, err := inv.moveEach(ctx, c, sources, target)
	return inv.emitEach(c.library.Name, moves, err)
}

// moveEach moves cartridges one by one, up to an error. done is how many need not be moved any more.
func (inv *invocation) moveEach(ctx context.Context, c *changer, sources []element, target element) (moves []tape.Moved, done int, err error) {
	for _, source := range sources {
		m, err := inv.transfer(ctx, c, source, target)
		if err != nil {
			return moves, done, err
		}
		if done++; m.From.Address == m.To.Address {
			inv.alreadyThere(m)
			continue
		}
		moves = append(moves, m)
	}
	return moves, done, nil
}

// emitEach says what was moved. When one of the later ones failed, the answer says which were moved before.
func (inv *invocation) emitEach(library string, moves []tape.Moved, err error) error {
	if err != nil && len(moves) > 0 {
		err = errcode.New(errcode.Partial, library, "%s moved, then: %w", counted(len(moves), "cartridge"), err).
			WithHint("%s", errcode.HintOf(err))
		return errors.Join(err, inv.emitMoves(library, moves))
	}
	if err != nil {
		return err
	}
	return inv.emitMoves(library, moves)
}

func (inv *invocation) alreadyThere(m tape.Moved) {
	inv.note("%s is in %s already", cell(orNull(m.Barcode)), m.To)
}

func libraryExportCommand() *command {
	return &command{
		Name: "export", Summary: "put cartridges into I/O slots, to be taken out",
		Description: "Moves each cartridge into the first free I/O slot. When they are full, the person at the terminal is asked to take the cartridges out; elsewhere --wait DURATION waits for that, each time anew.",
		Args:        []arg{libraryArg(), {Name: "CARTRIDGE", Usage: "a barcode, slot:N or drive:N", Repeated: true}},
		Flags:       []flag{waitFlag("take cartridges out")},
		Examples:    []example{{"calypso library export vtl01 V00003L8 V00004L8", "put two cartridges out"}},
		Exits:       append([]errcode.Exit{errcode.ExitPartial}, moveExits...), Mutates: true,
		Run: runLibraryExport,
	}
}

func runLibraryExport(ctx context.Context, inv *invocation) error {
	var sources []element
	for _, name := range inv.argList("CARTRIDGE") {
		source, err := parseSource(name)
		if err != nil {
			return err
		}
		sources = append(sources, source)
	}
	inv.expectPeople()
	library := inv.arg("LIBRARY")
	var moves []tape.Moved
	for {
		some, done, err := inv.exportEach(ctx, library, sources)
		moves, sources = append(moves, some...), sources[done:]
		if errcode.Of(err) != errcode.NoFreeSlot || inv.dryRun || !inv.waitsForMailslot() {
			return inv.emitEach(library, moves, err)
		}
		if err := inv.awaitMailslot(ctx, mailslotFree(library)); err != nil {
			return inv.emitEach(library, moves, err)
		}
	}
}

// exportEach puts cartridges out until the I/O slots are full.
func (inv *invocation) exportEach(ctx context.Context, library string, sources []element) (moves []tape.Moved, done int, err error) {
	c, err := inv.openChanger(ctx, library, drivesOf(sources...)...)
	if err != nil {
		return nil, 0, err
	}
	defer closeInto(&err, c)
	return inv.moveEach(ctx, c, sources, element{kind: tape.IO, home: true})
}

// element is where a cartridge is or shall go: a kind and number, or the place a barcode is in, or,
// for a destination, the home slot or the first free place of the kind.
type element struct {
	kind    tape.Kind
	number  int
	barcode string
	home    bool
}

// parsePlace reads slot:N, drive:N and io:N.
func parsePlace(text string) (element, error) {
	kind, number, _ := strings.Cut(text, ":")
	kinds := map[string]tape.Kind{"slot": tape.Slot, "drive": tape.DriveBay, "io": tape.IO}
	k, known := kinds[kind]
	n, err := parseInt(number)
	if !known || err != nil || n < 0 {
		return element{}, usageErrorf("%q is no place: want slot:N, drive:N or io:N", text)
	}
	return element{kind: k, number: int(n)}, nil
}

// parseSource reads a place or a barcode; a barcode has no colon.
func parseSource(text string) (element, error) {
	if !strings.Contains(text, ":") {
		return element{barcode: text}, nil
	}
	return parsePlace(text)
}

// move moves one cartridge of the library and says so.
func (inv *invocation) move(ctx context.Context, from, to element) (err error) {
	c, err := inv.openChanger(ctx, inv.arg("LIBRARY"), drivesOf(from, to)...)
	if err != nil {
		return err
	}
	defer closeInto(&err, c)
	m, err := inv.transfer(ctx, c, from, to)
	switch {
	case err != nil:
		return err
	case m.From.Address == m.To.Address:
		inv.alreadyThere(m)
		return inv.emitMoves(c.library.Name, nil)
	}
	return inv.emitMoves(c.library.Name, []tape.Moved{m})
}

// drivesOf lists the drives that a move touches, in the order in which they are locked.
func drivesOf(places ...element) []int {
	var list []int
	for _, p := range places {
		if p.kind == tape.DriveBay && p.barcode == "" {
			list = append(list, p.number)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// transfer finds both places and moves the cartridge, or with --dry-run only says what would move.
func (inv *invocation) transfer(ctx context.Context, c *changer, from, to element) (tape.Moved, error) {
	v, err := c.look(ctx)
	if err != nil {
		return tape.Moved{}, err
	}
	source, err := from.findFor(v, to)
	if err != nil {
		return tape.Moved{}, err
	}
	target, err := to.target(v, source)
	if err != nil {
		return tape.Moved{}, err
	}
	if source.Full && source.Address == target.Address {
		return tape.Moved{Barcode: source.Barcode, From: source, To: target}, nil
	}
	if inv.dryRun {
		if err := c.mayCarry(source, target); err != nil {
			return tape.Moved{}, err
		}
		c.pretend(v, source, target)
		return tape.Moved{Barcode: source.Barcode, From: source, To: target}, nil
	}
	return inv.carry(ctx, c, source, target)
}

// look is the inventory; in a dry run as it would be after the moves before.
func (c *changer) look(ctx context.Context) (tape.Inventory, error) {
	if c.pretended != nil {
		return *c.pretended, nil
	}
	return c.Inventory(ctx)
}

// pretend makes the inventory say that a cartridge was moved, for the next move of a dry run.
func (c *changer) pretend(v tape.Inventory, from, to tape.Element) {
	v.Elements = slices.Clone(v.Elements)
	for i := range v.Elements {
		switch e := &v.Elements[i]; e.Address {
		case from.Address:
			e.Full, e.Barcode = false, ""
		case to.Address:
			e.Full, e.Barcode, e.Source = true, from.Barcode, int(from.Address)
		}
	}
	c.pretended = &v
}

// find gives the element of a source. A barcode that is in a drive is refused: that drive was not
// locked, so somebody may be using the cartridge.
func (p element) find(v tape.Inventory) (tape.Element, error) {
	if p.barcode == "" {
		return v.Find(p.kind, p.number)
	}
	e, err := v.ByBarcode(p.barcode)
	if err == nil && e.Kind == tape.DriveBay {
		err = errcode.New(errcode.DriveFull, e.Barcode, "the cartridge is in %s", e).
			WithHint("unload it first, or name it to 'calypso library move' as drive:%d", e.Number)
	}
	return e, err
}

// findFor is find for a move to a place: a barcode may be in the drive that is to hold it, for that one
// is locked.
func (p element) findFor(v tape.Inventory, to element) (tape.Element, error) {
	if p.barcode != "" && to.kind == tape.DriveBay && !to.home {
		if e, err := v.ByBarcode(p.barcode); err == nil && e.Kind == to.kind && e.Number == to.number {
			return e, nil
		}
	}
	return p.find(v)
}

// target gives the element of a destination.
func (p element) target(v tape.Inventory, source tape.Element) (tape.Element, error) {
	if !p.home {
		return v.Find(p.kind, p.number)
	}
	if source.Full && source.Kind == p.kind {
		return source, nil // it is in such a place already
	}
	if home, ok := v.ByAddress(uint16(source.Source)); ok && source.Source >= 0 && p.kind == tape.Slot && home.Kind == tape.Slot && !home.Full {
		return home, nil
	}
	for _, e := range v.Of(p.kind) {
		if !e.Full && !e.Disabled && !e.Exception {
			return e, nil
		}
	}
	full := errcode.New(errcode.NoFreeSlot, "", "every %s is full", p.kind)
	if p.kind == tape.IO {
		full = full.WithHint("take the cartridges out; --wait DURATION waits for that")
	}
	return tape.Element{}, full
}
