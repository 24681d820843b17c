package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"calypso/sys/errcode"
	"calypso/vtl"
	"calypso/vtl/fault"
)

func vtlFaultGroup() *command {
	return &command{
		Name: "fault", Summary: "make a virtual library fail on purpose, for drills and tests",
		Description: "An injected fault makes a virtual drive or robot answer as a real one does that has this trouble. It lasts until it is cleared; one with a count stays in the list with nothing left. Processes that use the device already notice it with their next command. Every error that an injected fault causes says so: 'injected fault 3: ...'.",
		Commands:    []*command{vtlFaultInjectCommand(), vtlFaultListCommand(), vtlFaultClearCommand()},
	}
}

func faultTargetArg() arg {
	return arg{Name: "TARGET", Usage: "LIBRARY:N for a drive, LIBRARY for its robot"}
}

// faultDoc is one injected fault. What its kind does not use is null.
type faultDoc struct {
	ID           int       `json:"id"`
	Target       string    `json:"target"`
	Kind         string    `json:"kind"`
	Description  string    `json:"description"`
	Created      time.Time `json:"created"`
	Left         *int      `json:"left"` // null: until it is cleared
	Flag         *int      `json:"flag"`
	Block        *int64    `json:"block"`
	Access       *string   `json:"access"`
	Slot         *int      `json:"slot"`
	Barcode      *string   `json:"barcode"`
	DelaySeconds *float64  `json:"delay_seconds"`
	Per          *string   `json:"per"`
	ReadyAt      time.Time `json:"ready_at"`
}

func newFaultDoc(library string, f fault.Fault) faultDoc {
	doc := faultDoc{ID: f.ID, Target: library, Kind: string(f.Kind), Description: f.String(), Created: f.Created,
		Access: orNull(string(f.Access)), Barcode: orNull(f.Barcode), ReadyAt: f.Until}
	if f.Drive >= 0 {
		doc.Target = fmt.Sprintf("%s:%d", library, f.Drive)
	}
	if f.Left >= 0 {
		doc.Left = &f.Left
	}
	switch f.Kind {
	case fault.Alert:
		doc.Flag = &f.Flag
	case fault.MediumError:
		doc.Block = &f.Block
	case fault.Slow, fault.BecomingReady:
		seconds := f.Delay.Seconds()
		doc.DelaySeconds = &seconds
	}
	if f.Kind == fault.Slow {
		doc.Per = orNull(map[bool]string{true: "block", false: "command"}[f.Blocks])
	}
	if f.Slot > 0 {
		doc.Slot = &f.Slot
	}
	return doc
}

// faultDocs is `calypso vtl fault inject|list|clear --json`.
type faultDocs struct {
	Faults []faultDoc `json:"faults"`
}

// faultTarget splits LIBRARY:N; the drive is -1 for a library alone.
func faultTarget(name string) (library string, drive int) {
	if library, n, ok := cutDriveName(name); ok {
		return library, int(min(n, 1<<30))
	}
	return name, -1
}

func faultKinds() []string {
	var names []string
	for _, k := range fault.Kinds() {
		names = append(names, string(k))
	}
	return names
}

func vtlFaultInjectCommand() *command {
	return &command{
		Name: "inject", Summary: "make a drive or robot fail in a certain way",
		Description: `The kinds of faults of a drive:

  alert           TapeAlert flag --flag is set, and stays while the fault does
  medium-error    --block cannot be read or written; --on says which
  load-failure    the next --count loads fail, the cartridge comes back
  slow            each command, or with --per block each block, takes --delay
  becoming-ready  after a load the drive is not ready for --delay

and of a library:

  robot-stuck         moves fail until it is cleared
  unreadable-barcode  the label in --slot, or that of --barcode, is not read

Without --count a load-failure happens once, the others as often as they are met.`,
		Args: []arg{faultTargetArg(), {Name: "KIND", Usage: "what goes wrong", Choices: faultKinds()}},
		Flags: []flag{
			intFlag("flag", "N", "the TapeAlert flag, 1 to 64"),
			intFlag("block", "N", "the logical block address, as 'lto seek --block' has it"),
			stringFlag("on", "ACCESS", "what fails at the block").Default("both").Choices("read", "write", "both"),
			intFlag("count", "N", "how often it happens"),
			durationFlag("delay", "how long it takes"),
			stringFlag("per", "WHAT", "what is slow").Default("command").Choices("command", "block"),
			intFlag("slot", "N", "the slot"),
			stringFlag("barcode", "BARCODE", "the cartridge"),
		},
		Examples: []example{
			{"calypso vtl fault inject vtl01:0 alert --flag 20", "the drive asks to be cleaned"},
			{"calypso vtl fault inject vtl01:0 medium-error --block 12 --on read", "a block that cannot be read"},
			{"calypso vtl fault inject vtl01:0 becoming-ready --delay 10m", "an LTO-9 drive that optimises"},
			{"calypso vtl fault inject vtl01 robot-stuck", "the robot does not move"},
		},
		Exits:   []errcode.Exit{errcode.ExitNotFound},
		Mutates: true,
		Run:     runVTLFaultInject,
	}
}

func runVTLFaultInject(ctx context.Context, inv *invocation) error {
	f, library, err := inv.fault()
	if err != nil {
		return err
	}
	store := vtl.NewStore(inv.places)
	if inv.dryRun {
		err = store.CheckFault(library, f)
	} else {
		f, err = store.InjectFault(ctx, library, f)
	}
	if err != nil {
		return err
	}
	doc := faultDocs{[]faultDoc{newFaultDoc(library, f)}}
	return inv.emit(doc, func(p *page) {
		if inv.dryRun {
			p.line("would inject %s into %s", f, doc.Faults[0].Target)
			return
		}
		p.line("injected fault %d into %s: %s", f.ID, doc.Faults[0].Target, f)
	})
}

// faultFlags are the flags that each kind takes; the first is needed.
var faultFlags = map[fault.Kind][]string{
	fault.Alert: {"flag"}, fault.MediumError: {"block", "on", "count"}, fault.LoadFailure: {"", "count"}, fault.Slow: {"delay", "per"},
	fault.BecomingReady: {"delay", "count"}, fault.RobotStuck: {""}, fault.UnreadableBarcode: {"", "slot", "barcode"},
}

// fault is what the command line describes.
func (inv *invocation) fault() (f fault.Fault, library string, err error) {
	library, drive := faultTarget(inv.arg("TARGET"))
	kind := fault.Kind(inv.arg("KIND"))
	if err := inv.checkFaultFlags(kind); err != nil {
		return f, library, err
	}
	f = fault.Fault{Kind: kind, Drive: drive, Left: -1}
	if inv.isSet("count") {
		if f.Left = int(inv.integer("count")); f.Left < 1 {
			return f, library, usageErrorf("--count: %d is less than 1", f.Left)
		}
	}
	switch kind {
	case fault.Alert:
		f.Flag = int(inv.integer("flag"))
	case fault.MediumError:
		f.Block, f.Access = inv.integer("block"), fault.Access(inv.str("on"))
	case fault.LoadFailure:
		f.Left = max(1, f.Left)
	case fault.Slow, fault.BecomingReady:
		f.Delay, f.Blocks = inv.duration("delay"), kind == fault.Slow && inv.str("per") == "block"
	case fault.UnreadableBarcode:
		f.Slot, f.Barcode = int(inv.integer("slot")), inv.str("barcode")
	}
	return f, library, nil
}

func (inv *invocation) checkFaultFlags(kind fault.Kind) error {
	takes := faultFlags[kind]
	if need := takes[0]; need != "" && !inv.isSet(need) {
		return usageErrorf("%s needs --%s", kind, need)
	}
	for _, f := range inv.cmd.Flags {
		known := false
		for _, name := range takes {
			known = known || name == f.name
		}
		if inv.isSet(f.name) && !known {
			return usageErrorf("%s has no --%s", kind, f.name)
		}
	}
	return nil
}

func vtlFaultListCommand() *command {
	return &command{
		Name: "list", Summary: "list the injected faults",
		Description: "Lists the faults of all libraries, of one with its drives, or of one drive, and how often each will still happen.",
		Args:        []arg{{Name: "TARGET", Usage: "LIBRARY or LIBRARY:N; without it all", Optional: true}},
		Examples:    []example{{"calypso vtl fault list", "what is made to fail"}},
		Exits:       []errcode.Exit{errcode.ExitNotFound},
		Run:         runVTLFaultList,
	}
}

func runVTLFaultList(_ context.Context, inv *invocation) error {
	store := vtl.NewStore(inv.places)
	libraries, drive, err := inv.faultLibraries(store)
	if err != nil {
		return err
	}
	var doc faultDocs
	t := newTable(">id", "target", "fault", ">left", "injected")
	for _, library := range libraries {
		list, e := store.Faults(library)
		err = errors.Join(err, e)
		for _, f := range list {
			if drive >= 0 && f.Drive != drive {
				continue
			}
			d := newFaultDoc(library, f)
			doc.Faults = append(doc.Faults, d)
			t.row(d.ID, d.Target, d.Description, d.Left, d.Created)
		}
	}
	return errors.Join(err, inv.emit(doc, func(p *page) { p.table(t, "no faults are injected") }))
}

// faultLibraries are those whose faults are to be listed; drive is -1 for all drives.
func (inv *invocation) faultLibraries(store *vtl.Store) (names []string, drive int, err error) {
	if target := inv.arg("TARGET"); target != "" {
		library, drive := faultTarget(target)
		if drive >= 0 {
			lib, libErr := store.Get(library)
			if err = libErr; err == nil {
				_, err = inv.virtualLibrary(lib).driveSerial(target, int64(drive))
			}
		}
		return []string{library}, drive, err
	}
	list, err := store.List()
	for _, l := range list {
		names = append(names, l.Name)
	}
	return names, -1, err
}

func vtlFaultClearCommand() *command {
	return &command{
		Name: "clear", Summary: "take injected faults back",
		Description: "Removes faults by their ids, or with --all those of the library with its drives, or of the drive. The device works again at once.",
		Args:        []arg{faultTargetArg(), {Name: "ID", Usage: "id of a fault, from 'vtl fault list'", Optional: true, Repeated: true}},
		Flags:       []flag{boolFlag("all", "all of them")},
		Examples: []example{
			{"calypso vtl fault clear vtl01 3", "end one fault"},
			{"calypso vtl fault clear vtl01 --all", "end all of a library and its drives"},
		},
		Exits:   []errcode.Exit{errcode.ExitNotFound},
		Mutates: true,
		Run:     runVTLFaultClear,
	}
}

func runVTLFaultClear(ctx context.Context, inv *invocation) error {
	store := vtl.NewStore(inv.places)
	library, drive := faultTarget(inv.arg("TARGET"))
	list, err := store.Faults(library)
	if err != nil {
		return err
	}
	gone, err := inv.faultsToClear(list, drive)
	if err != nil {
		return err
	}
	var doc faultDocs
	var ids []int
	for _, f := range gone {
		doc.Faults, ids = append(doc.Faults, newFaultDoc(library, f)), append(ids, f.ID)
	}
	if !inv.dryRun {
		if _, err := store.ClearFaults(ctx, library, ids); err != nil {
			return err
		}
	}
	verb := map[bool]string{true: "would clear", false: "cleared"}[inv.dryRun]
	return inv.emit(doc, func(p *page) {
		for _, d := range doc.Faults {
			p.line("%s fault %d of %s: %s", verb, d.ID, d.Target, d.Description)
		}
	})
}

// faultsToClear are those of the command line; with a drive as the target those of other devices are
// not found.
func (inv *invocation) faultsToClear(list []fault.Fault, drive int) ([]fault.Fault, error) {
	ids := inv.argList("ID")
	if inv.flag("all") == (len(ids) > 0) {
		return nil, usageErrorf("want ids or --all")
	}
	here := map[string]fault.Fault{}
	var gone []fault.Fault
	for _, f := range list {
		if drive < 0 || f.Drive == drive {
			here[fmt.Sprint(f.ID)] = f
			gone = append(gone, f)
		}
	}
	if inv.flag("all") {
		return gone, nil
	}
	gone = nil
	for _, id := range ids {
		f, ok := here[id]
		if !ok {
			return nil, errcode.New(errcode.FaultNotFound, inv.arg("TARGET"), "no injected fault has the id %q", id)
		}
		gone = append(gone, f)
		delete(here, id)
	}
	return gone, nil
}
