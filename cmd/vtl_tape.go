package cmd

import (
	"context"
	"errors"
	"fmt"

	"calypso/sys/errcode"
	"calypso/sys/lock"
	"calypso/vtl"
)

func vtlTapeGroup() *command {
	return &command{
		Name: "tape", Summary: "add, list and remove the tapes of a virtual library",
		Description: "The tapes of a virtual library are image files below its backing directory, one directory a tape.",
		Commands:    []*command{vtlTapeAddCommand(), vtlTapeListCommand(), vtlTapeRemoveCommand(), vtlTapeProtectCommand()},
	}
}

func barcodeArg() arg { return arg{Name: "BARCODE", Usage: "barcode of the tape, e.g. V00001L8"} }

// vtlTapeDoc is one tape of a virtual library.
type vtlTapeDoc struct {
	Barcode        string  `json:"barcode"`
	Generation     string  `json:"generation"`
	Location       string  `json:"location"`
	CapacityBytes  *int64  `json:"capacity_bytes"`
	UsedBytes      int64   `json:"used_bytes"`
	Written        bool    `json:"written"`
	WORM           bool    `json:"worm"`
	WriteProtected *bool   `json:"write_protected"`
	Cleaning       bool    `json:"cleaning"`
	CleaningsLeft  *int64  `json:"cleanings_left"`
	Problem        *string `json:"problem"`
}

// newTapeDoc leaves null what the memory of a damaged cartridge does not say any more.
func newTapeDoc(t vtl.TapeInfo) vtlTapeDoc {
	d := vtlTapeDoc{Barcode: t.Barcode, Generation: t.Generation, Location: t.Location, CapacityBytes: &t.CapacityBytes,
		UsedBytes: t.UsedBytes, Written: t.Written, WORM: t.WORM, WriteProtected: &t.WriteProtected, Cleaning: t.Cleaning}
	if t.Cleaning {
		d.CapacityBytes, d.CleaningsLeft = nil, &t.CleaningsLeft
	}
	if t.Problem != nil {
		text := t.Problem.Error()
		d.CapacityBytes, d.WriteProtected, d.Problem = orNullSize(t.CapacityBytes), nil, &text
		d.CleaningsLeft = nil
	}
	return d
}

// vtlTapeListDoc is `calypso vtl tape list --json`.
type vtlTapeListDoc struct {
	Library string       `json:"library"`
	Tapes   []vtlTapeDoc `json:"tapes"`
}

// vtlTapeChangedDoc is `calypso vtl tape add|remove|protect --json`.
type vtlTapeChangedDoc struct {
	Library string     `json:"library"`
	Tape    vtlTapeDoc `json:"tape"`
}

func vtlTapeListCommand() *command {
	return &command{
		Name: "list", Summary: "list the tapes of a virtual library",
		Description: "Lists the tapes with their place, capacity and how much of it is used.",
		Args:        []arg{libraryArg()},
		Examples:    []example{{"calypso vtl tape list vtl01", "list them"}},
		Exits:       []errcode.Exit{errcode.ExitNotFound},
		Run:         runVTLTapeList,
	}
}

func runVTLTapeList(_ context.Context, inv *invocation) error {
	tapes, err := vtl.NewStore(inv.places).Tapes(inv.arg("LIBRARY"))
	if err != nil {
		return err
	}
	doc := vtlTapeListDoc{Library: inv.arg("LIBRARY")}
	t := newTable("barcode", "generation", "location", ">used", ">capacity", "written", "protected")
	for _, info := range tapes {
		d := newTapeDoc(info)
		doc.Tapes = append(doc.Tapes, d)
		t.row(d.Barcode, d.format(), d.Location, bytesText(d.UsedBytes), d.roomText(info), d.Written, d.WriteProtected)
		if d.Problem != nil {
			inv.warn("%s cannot be used: %s", d.Barcode, *d.Problem)
		}
	}
	return inv.emit(doc, func(p *page) { p.table(t, "no tapes; 'calypso vtl tape add' makes one") })
}

// roomText is what the cartridge has to give: bytes, or cleanings.
func (d vtlTapeDoc) roomText(info vtl.TapeInfo) string {
	switch {
	case d.CleaningsLeft != nil:
		return counted(int(*d.CleaningsLeft), "cleaning")
	case d.Cleaning, info.CapacityBytes == 0: // 0: not known
		return "-"
	}
	return sizeText(info.CapacityBytes)
}

// kind is what a person calls the cartridge.
func (d vtlTapeDoc) kind() string {
	if d.Cleaning {
		return "cleaning cartridge"
	}
	return d.format() + " tape"
}

// format is the generation of the tape and whether it can be written once only.
func (d vtlTapeDoc) format() string {
	if d.WORM {
		return d.Generation + " WORM"
	}
	return d.Generation
}

func vtlTapeAddCommand() *command {
	return &command{
		Name: "add", Summary: "add a blank tape to a virtual library",
		Description: "Makes a blank tape and puts it into a slot or an I/O slot. The last two characters of the barcode are its generation: L5 to L9, LA for LTO-10; LV to LZ are LTO-5 to LTO-9 tapes that can be written once only (WORM). A barcode that begins with CLN is that of a cleaning cartridge, which every drive takes: CLN001L8, CLNU01CU.",
		Args:        []arg{libraryArg(), barcodeArg()},
		Flags: []flag{
			intFlag("slot", "N", "the slot; without it the first free one"),
			intFlag("io-slot", "N", "an I/O slot in place of a slot, as if a hand had put the tape there"),
			sizeFlag("tape-size", "capacity; without it the native capacity of the generation"),
			intFlag("cleanings", "N", "how often a cleaning cartridge can still clean; without it 50 times"),
		},
		Examples: []example{
			{"calypso vtl tape add vtl01 A00001L8 --slot 3", "a new tape in slot 3"},
			{"calypso vtl tape add vtl01 CLN001L8", "a cleaning cartridge"},
		},
		Exits:   []errcode.Exit{errcode.ExitNotFound, errcode.ExitBusy, errcode.ExitRefused, errcode.ExitNoSpace},
		Mutates: true,
		Run:     runVTLTapeAdd,
	}
}

func runVTLTapeAdd(ctx context.Context, inv *invocation) (err error) {
	spec := vtl.TapeSpec{Barcode: inv.arg("BARCODE"), Slot: int(inv.integer("slot")), IOSlot: int(inv.integer("io-slot")),
		CapacityBytes: inv.size("tape-size"), DryRun: inv.dryRun}
	switch {
	case inv.isSet("slot") && inv.isSet("io-slot"):
		return usageErrorf("want either --slot or --io-slot")
	case inv.isSet("slot") && spec.Slot < 1:
		return errcode.New(errcode.SlotNotFound, inv.arg("LIBRARY"), "there is no slot %d", spec.Slot)
	case inv.isSet("io-slot") && spec.IOSlot < 1:
		return errcode.New(errcode.SlotNotFound, inv.arg("LIBRARY"), "there is no I/O slot %d", spec.IOSlot)
	}
	if inv.isSet("cleanings") {
		n := int(inv.integer("cleanings"))
		spec.Cleanings = &n
	}
	release, err := inv.lockChanger(ctx, inv.arg("LIBRARY"))
	if err != nil {
		return err
	}
	defer closeInto(&err, release)
	info, err := vtl.NewStore(inv.places).AddTape(ctx, inv.arg("LIBRARY"), spec)
	if err != nil {
		return err
	}
	return inv.emitTape("added", "would add", info)
}

func (inv *invocation) emitTape(done, would string, info vtl.TapeInfo) error {
	doc := vtlTapeChangedDoc{Library: inv.arg("LIBRARY"), Tape: newTapeDoc(info)}
	return inv.emit(doc, func(p *page) {
		verb := done
		if inv.dryRun {
			verb = would
		}
		p.line("%s %s %s (%s, %s)", verb, doc.Tape.kind(), info.Barcode, info.Location, doc.Tape.roomText(info))
	})
}

func vtlTapeRemoveCommand() *command {
	return &command{
		Name: "remove", Summary: "delete a tape of a virtual library",
		Description: "Deletes the image of a tape. When it has been written, its barcode must be confirmed. A tape in a drive is not removed.",
		Args:        []arg{libraryArg(), barcodeArg()},
		Examples: []example{
			{"calypso vtl tape remove vtl01 V00009L8", "delete a blank tape"},
			{"calypso vtl tape remove vtl01 V00009L8 --confirm V00009L8", "delete it with its data"},
		},
		Exits:   []errcode.Exit{errcode.ExitNotFound, errcode.ExitBusy, errcode.ExitRefused},
		Mutates: true, Danger: severe,
		Run: runVTLTapeRemove,
	}
}

func runVTLTapeRemove(ctx context.Context, inv *invocation) (err error) {
	store := vtl.NewStore(inv.places)
	library, barcode := inv.arg("LIBRARY"), inv.arg("BARCODE")
	inv.setObject(barcode)
	release, err := inv.lockChanger(ctx, library)
	if err != nil {
		return err
	}
	defer closeInto(&err, release)
	info, err := store.Tape(library, barcode)
	if err != nil {
		return err
	}
	if err := store.Removable(library, barcode); err != nil {
		return err
	}
	if info.Written {
		if err := inv.confirmName(ctx, barcode, fmt.Sprintf("destroy the %s on tape %s", bytesText(info.UsedBytes), barcode)); err != nil {
			return err
		}
	}
	if !inv.dryRun {
		if err := store.RemoveTape(ctx, library, barcode, true); err != nil {
			return err
		}
	}
	return inv.emitTape("removed", "would remove", info)
}

func vtlTapeProtectCommand() *command {
	return &command{
		Name: "protect", Summary: "set or clear the write-protect switch of a tape",
		Description: "Moves the write-protect switch of a cartridge. A cartridge in a drive keeps its switch until it is unloaded.",
		Args:        []arg{libraryArg(), barcodeArg(), {Name: "SWITCH", Usage: "on or off", Choices: []string{"on", "off"}}},
		Examples:    []example{{"calypso vtl tape protect vtl01 V00001L8 on", "protect it"}},
		Exits:       []errcode.Exit{errcode.ExitNotFound, errcode.ExitBusy},
		Mutates:     true,
		Run:         runVTLTapeProtect,
	}
}

func runVTLTapeProtect(ctx context.Context, inv *invocation) (err error) {
	library, barcode := inv.arg("LIBRARY"), inv.arg("BARCODE")
	inv.setObject(barcode)
	release, err := inv.lockChanger(ctx, library)
	if err != nil {
		return err
	}
	defer closeInto(&err, release)
	store := vtl.NewStore(inv.places)
	if !inv.dryRun {
		if err := store.Protect(ctx, library, barcode, inv.arg("SWITCH") == "on"); err != nil {
			return err
		}
	}
	info, err := store.Tape(library, barcode)
	if err != nil {
		return err
	}
	done := map[string]string{"on": "protected", "off": "took the write protection off"}[inv.arg("SWITCH")]
	would := map[string]string{"on": "would protect", "off": "would take the write protection off"}[inv.arg("SWITCH")]
	return inv.emitTape(done, would, info)
}

// releases gives locks back, the last first.
type releases []*lock.Lock

func (r releases) Close() error {
	var errs []error
	for i := len(r) - 1; i >= 0; i-- {
		errs = append(errs, r[i].Release())
	}
	return errors.Join(errs...)
}

// lockChanger keeps the robot still while the set of tapes changes. A library that is served is refused here,
// in a dry run too.
func (inv *invocation) lockChanger(ctx context.Context, library string) (releases, error) {
	store := vtl.NewStore(inv.places)
	lib, err := store.Get(library)
	if err == nil {
		err = store.NotServed(library)
	}
	if err != nil {
		return nil, err
	}
	return inv.lockAll(ctx, "changer-"+lib.Serial)
}

// lockLibrary takes the changer and every drive.
func (inv *invocation) lockLibrary(ctx context.Context, lib *vtl.Library) (releases, error) {
	names := []string{"changer-" + lib.Serial}
	for _, d := range lib.Drives {
		names = append(names, device{serial: d.Serial}.lockName())
	}
	return inv.lockAll(ctx, names...)
}

// lockAll takes locks in the order given, which must be the one that all commands keep.
func (inv *invocation) lockAll(ctx context.Context, names ...string) (releases, error) {
	var held releases
	for _, name := range names {
		l, err := lock.Acquire(ctx, inv.places.RunDir, name, inv.lockTimeout())
		if err != nil {
			return nil, errors.Join(err, held.Close())
		}
		held = append(held, l)
	}
	return held, nil
}
