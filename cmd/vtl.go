package cmd

import (
	"context"
	"fmt"
	"strings"

	"calypso/sys/errcode"
	"calypso/vtl"
)

func vtlGroup() *command {
	return &command{
		Name: "vtl", Summary: "make and keep virtual tape libraries",
		Description: "A virtual library has LTO drives, slots and a changer that answer SCSI commands as real ones do, over image files. It needs no root, no kernel module and no daemon. Its drives are named LIBRARY:N, e.g. vtl01:0, wherever a drive is named.",
		Commands: []*command{
			vtlCreateCommand(), vtlListCommand(), vtlShowCommand(), vtlDeleteCommand(),
			vtlLoadCommand(), vtlUnloadCommand(), vtlTapeGroup(),
			vtlDoorGroup(),
			vtlFaultGroup(),
			vtlServeCommand(), vtlStatusCommand(),
		},
	}
}

func vtlCreateCommand() *command {
	return &command{
		Name: "create", Summary: "make a virtual library with tapes",
		Description: "Makes the library and one blank tape for each slot. The barcodes count on from the highest number that any library uses: V00001L8, V00002L8, and so on. Images take space on disk only as they are written.",
		Args:        []arg{{Name: "LIBRARY", Usage: "name of the new library: letters, digits, '.', '_' and '-', at most 32"}},
		Flags: []flag{
			intFlag("drives", "N", "number of drives").Default("1"),
			intFlag("slots", "N", "number of slots").Default("10"),
			intFlag("io-slots", "N", "number of I/O slots").Default("0"),
			stringFlag("media", "GENERATION", "generation of drives and tapes").Default("LTO-8").Choices(vtl.Generations()...),
			intFlag("tapes", "N", "number of tapes; without it one for each slot"),
			sizeFlag("tape-size", "capacity of each tape; without it the native capacity of the generation"),
			stringFlag("backing", "DIR", "directory for the images; without it below the state directory").Files().Setting("backing"),
			stringFlag("prefix", "LETTERS", "first letters of the barcodes").Default("V"),
			intFlag("start", "N", "number of the first barcode; without it the next that is free"),
			boolFlag("compression", "let the drives compress; other software then cannot read the images"),
		},
		Examples: []example{
			{"calypso vtl create vtl01 --drives 2 --slots 10 --io-slots 2 --media LTO-8", "two drives, ten slots, ten tapes V00001L8 to V00010L8"},
			{"calypso vtl create drill --slots 4 --tape-size 1GiB", "small tapes, to practise what happens when one is full"},
		},
		Exits: []errcode.Exit{errcode.ExitRefused, errcode.ExitNoSpace}, Mutates: true,
		Run: runVTLCreate,
	}
}

func runVTLCreate(ctx context.Context, inv *invocation) error {
	spec := vtl.CreateSpec{
		Name: inv.arg("LIBRARY"), Drives: int(inv.integer("drives")), Slots: int(inv.integer("slots")),
		IOSlots: int(inv.integer("io-slots")), Media: inv.str("media"), TapeSizeBytes: inv.size("tape-size"),
		Backing: inv.str("backing"), BarcodePrefix: inv.str("prefix"), Tapes: -1, DryRun: inv.dryRun,
	}
	spec.Compression = inv.flag("compression")
	if inv.isSet("tapes") {
		spec.Tapes = int(inv.integer("tapes"))
	}
	if inv.isSet("start") {
		if inv.integer("start") < 1 {
			return usageErrorf("--start: %d is less than 1", inv.integer("start"))
		}
		spec.StartNumber = int(inv.integer("start"))
	}
	if _, err := inv.hardware().Get(spec.Name); err == nil {
		return errcode.New(errcode.LibraryExists, spec.Name, "a library of the host has this name")
	}
	lib, err := vtl.NewStore(inv.places).Create(ctx, spec)
	if err != nil {
		return err
	}
	doc := newLibraryDoc(lib)
	return inv.emit(doc, func(p *page) {
		verb := "created"
		if inv.dryRun {
			verb = "would create"
		}
		p.line("%s library %s: %s, %s, %s, %s", verb, lib.Name, counted(len(lib.Drives), lib.Media+" drive"),
			counted(lib.Slots, "slot"), counted(lib.IOSlots, "I/O slot"), tapesText(lib))
	})
}

func tapesText(lib *vtl.Library) string {
	codes := lib.Barcodes()
	switch len(codes) {
	case 0:
		return "no tapes"
	case 1:
		return "tape " + codes[0]
	}
	return fmt.Sprintf("tapes %s to %s", codes[0], codes[len(codes)-1])
}

// vtlLibraryDoc is a virtual library as it was made: `calypso vtl create --json`.
type vtlLibraryDoc struct {
	Library string        `json:"library"`
	Serial  string        `json:"serial"`
	Media   string        `json:"media"`
	Backing string        `json:"backing"`
	Slots   int           `json:"slots"`
	IOSlots int           `json:"io_slots"`
	Drives  []vtlDriveDoc `json:"drives"`
	Tapes   []string      `json:"tapes"`
}

type vtlDriveDoc struct {
	Name       string  `json:"name"`
	Drive      int     `json:"drive"`
	Serial     string  `json:"serial"`
	Generation string  `json:"generation"`
	Barcode    *string `json:"barcode"`

	Compression bool `json:"compression"` // by default, unless a host says otherwise
}

func newLibraryDoc(lib *vtl.Library) vtlLibraryDoc {
	doc := vtlLibraryDoc{Library: lib.Name, Serial: lib.Serial, Media: lib.Media, Backing: lib.Backing,
		Slots: lib.Slots, IOSlots: lib.IOSlots, Tapes: lib.Barcodes()}
	for n, d := range lib.Drives {
		doc.Drives = append(doc.Drives, vtlDriveDoc{fmt.Sprintf("%s:%d", lib.Name, n), n, d.Serial, d.Generation, orNull(lib.LoadedIn(n)), d.Compression})
	}
	return doc
}

// vtlListDoc is `calypso vtl list --json`.
type vtlListDoc struct {
	Libraries []vtlLineDoc `json:"libraries"`
}

type vtlLineDoc struct {
	Name    string `json:"name"`
	Media   string `json:"media"`
	Drives  int    `json:"drives"`
	Slots   int    `json:"slots"`
	IOSlots int    `json:"io_slots"`
	Tapes   int    `json:"tapes"`
	Backing string `json:"backing"`
}

func vtlListCommand() *command {
	return &command{
		Name: "list", Summary: "list the virtual libraries",
		Description: "Lists the virtual libraries and where their images lie.",
		Examples:    []example{{"calypso vtl list", "list the virtual libraries"}},
		Run:         runVTLList,
	}
}

func runVTLList(_ context.Context, inv *invocation) error {
	libraries, err := vtl.NewStore(inv.places).List()
	if err != nil {
		return err
	}
	var doc vtlListDoc
	t := newTable("name", "media", ">drives", ">slots", ">io slots", ">tapes", "backing")
	for _, lib := range libraries {
		l := vtlLineDoc{lib.Name, lib.Media, len(lib.Drives), lib.Slots, lib.IOSlots, lib.TapeCount(), lib.Backing}
		doc.Libraries = append(doc.Libraries, l)
		t.row(l.Name, l.Media, l.Drives, l.Slots, l.IOSlots, l.Tapes, l.Backing)
	}
	return inv.emit(doc, func(p *page) { p.table(t, "no virtual libraries; 'calypso vtl create' makes one") })
}

func vtlShowCommand() *command {
	return &command{
		Name: "show", Summary: "show how a virtual library is made",
		Description: "Shows the drives, sizes and places of a virtual library. What is in its slots is shown by 'calypso library show', its tapes by 'calypso vtl tape list', its injected faults by 'calypso vtl fault list'.",
		Args:        []arg{libraryArg()},
		Examples:    []example{{"calypso vtl show vtl01", "show it"}},
		Exits:       []errcode.Exit{errcode.ExitNotFound},
		Run:         runVTLShow,
	}
}

// vtlShowDoc is `calypso vtl show --json`. Faults is null when they cannot be read.
type vtlShowDoc struct {
	vtlLibraryDoc
	Faults *[]faultDoc `json:"faults"`
}

func runVTLShow(_ context.Context, inv *invocation) error {
	lib, err := vtl.NewStore(inv.places).Get(inv.arg("LIBRARY"))
	if err != nil {
		return err
	}
	doc := vtlShowDoc{newLibraryDoc(lib), inv.faultsOf(vtl.NewStore(inv.places), lib.Name)}
	return inv.emit(doc, func(p *page) {
		p.pairs("library", doc.Library, "serial", doc.Serial, "media", doc.Media, "backing", doc.Backing,
			"slots", doc.Slots, "I/O slots", doc.IOSlots, "tapes", len(doc.Tapes), "faults", faultsText(doc.Faults))
		t := newTable("drive", "serial", "generation", "barcode")
		for _, d := range doc.Drives {
			t.row(d.Name, d.Serial, d.Generation, d.Barcode)
		}
		p.blank()
		p.table(t, "no drives")
	})
}

// vtlDeletedDoc is `calypso vtl delete --json`.
type vtlDeletedDoc struct {
	Library      string   `json:"library"`
	Tapes        []string `json:"tapes"`
	WrittenTapes []string `json:"written_tapes"`
}

func vtlDeleteCommand() *command {
	return &command{
		Name: "delete", Summary: "delete a virtual library and its tapes",
		Description: "Deletes the library and the images of all its tapes. When any of them has been written, the name of the library must be confirmed. The catalog keeps what it knows of the tapes until they are forgotten or scanned.",
		Args:        []arg{libraryArg()},
		Examples: []example{
			{"calypso vtl delete drill", "delete a library with blank tapes"},
			{"calypso vtl delete drill --confirm drill", "delete it with the data on its tapes"},
		},
		Exits:   []errcode.Exit{errcode.ExitNotFound, errcode.ExitBusy, errcode.ExitRefused},
		Mutates: true, Danger: severe,
		Run: runVTLDelete,
	}
}

func runVTLDelete(ctx context.Context, inv *invocation) (err error) {
	name := inv.arg("LIBRARY")
	store := vtl.NewStore(inv.places)
	lib, err := store.Get(name)
	if err == nil {
		err = store.NotServed(name)
	}
	if err != nil {
		return err
	}
	release, err := inv.lockLibrary(ctx, lib)
	if err != nil {
		return err
	}
	defer closeInto(&err, release)
	tapes, err := store.Tapes(name)
	if err != nil {
		return err
	}
	doc := vtlDeletedDoc{Library: name}
	for _, t := range tapes {
		doc.Tapes = append(doc.Tapes, t.Barcode)
		if t.Written {
			doc.WrittenTapes = append(doc.WrittenTapes, t.Barcode)
		}
	}
	if err := inv.confirmDelete(ctx, name, doc.WrittenTapes); err != nil {
		return err
	}
	if !inv.dryRun {
		if err := store.Delete(ctx, name, true); err != nil {
			return err
		}
	}
	return inv.emit(doc, func(p *page) {
		verb := "deleted"
		if inv.dryRun {
			verb = "would delete"
		}
		p.line("%s library %s with %s, %d of them written", verb, name, counted(len(doc.Tapes), "tape"), len(doc.WrittenTapes))
	})
}

// confirmDelete asks for the library's name when tapes of it have been written.
func (inv *invocation) confirmDelete(ctx context.Context, name string, written []string) error {
	if len(written) == 0 {
		return nil
	}
	what := fmt.Sprintf("destroy the data on %s: %s", counted(len(written), "written tape"), someOf(written))
	err := inv.confirmName(ctx, name, what)
	if errcode.Of(err) == errcode.ConfirmRequired {
		return errcode.New(errcode.LibraryNotEmpty, name, "this would %s; nothing was touched", what).WithHint("%s", errcode.HintOf(err))
	}
	return err
}

// someOf lists the first few of many names.
func someOf(names []string) string {
	const few = 4
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

func vtlLoadCommand() *command {
	c := libraryLoadCommand()
	c.Description += " The same as 'calypso library load'."
	c.Examples = []example{{"calypso vtl load vtl01 --slot 1 --drive 0", "load the cartridge of slot 1 into drive 0"}}
	return c
}

func vtlUnloadCommand() *command {
	c := libraryUnloadCommand()
	c.Description += " The same as 'calypso library unload'."
	c.Examples = []example{{"calypso vtl unload vtl01 --drive 0", "put the cartridge of drive 0 away"}}
	return c
}
