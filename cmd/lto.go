package cmd

import (
	"context"
	"fmt"

	"calypso/sys/errcode"
	"calypso/tape"
)

func ltoGroup() *command {
	return &command{
		Name: "lto", Summary: "label, write, read and verify tapes",
		Description: "These verbs work on the cartridge in a drive. -f names the drive: LIBRARY:N, e.g. vtl01:0, its serial number, or a node such as /dev/nst0, /dev/sg3 or a link of /dev/tape/by-id; 'calypso lto list-drives' shows them. Without it $TAPE is used, then the configured drive.\n\nA tape begins with its label, tape file 0. Each archive is one tape file, followed by its manifest, which is another. --file N always means the tape file that 'mt fsf N' reaches from the beginning. Only a blank tape is ever overwritten without being named.",
		Commands: []*command{
			ltoLabelCommand(), ltoWriteCommand(), ltoListCommand(), ltoReadCommand(), ltoVerifyCommand(), ltoScanCommand(),
			ltoStatusCommand(), ltoIdentifyCommand(), ltoRewindCommand(), ltoSeekCommand(), ltoEraseCommand(), ltoEjectCommand(),
			ltoCleanCommand(), ltoListDrivesCommand(),
			ltoAlertsCommand(), ltoHealthCommand(), ltoDensityCommand(),
			ltoModeGroup(), ltoAttrGroup(), ltoEncryptGroup(), ltoWaitReadyCommand(), ltoReserveGroup(),
		},
	}
}

// ltoVerb completes the declaration of a verb of the group: all have the drive for their object. more are
// flags that several verbs share.
func ltoVerb(c *command, more ...flag) *command {
	c.Flags = append(append([]flag{driveFlag()}, c.Flags...), more...)
	c.ObjectFlag = "drive"
	c.Exits = append([]errcode.Exit{errcode.ExitNotFound, errcode.ExitBusy, errcode.ExitRefused, errcode.ExitUnsupported, errcode.ExitDevice}, c.Exits...)
	return c
}

// driveVerb is ltoVerb for a verb that uses the drive, rather than looks at it.
func driveVerb(c *command, more ...flag) *command {
	return ltoVerb(c, append(more[:len(more):len(more)], reserveFlag())...)
}

// positionDoc is where the tape is; numbers are null when the drive does not know.
type positionDoc struct {
	File           *int64 `json:"file"`
	Block          *int64 `json:"block"`
	AtBeginning    bool   `json:"at_beginning"`
	BeyondEarlyEnd bool   `json:"beyond_early_warning"`
}

func newPositionDoc(p tape.Position) *positionDoc {
	return &positionDoc{File: known(p.File), Block: known(p.Block), AtBeginning: p.BOP, BeyondEarlyEnd: p.EOP}
}

// known is nil for the -1 that stands for a number nobody knows.
func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func (d *positionDoc) String() string {
	switch {
	case d == nil:
		return ""
	case d.AtBeginning:
		return "at the beginning"
	}
	return fmt.Sprintf("at file %s, block %s", cell(d.File), cell(d.Block))
}

// movedTapeDoc is what a verb that moves the tape answers.
type movedTapeDoc struct {
	Drive    string       `json:"drive"`
	Position *positionDoc `json:"position"`
}

// emitPosition says where the tape is; in a dry run also where it would go.
func (inv *invocation) emitPosition(ctx context.Context, d *drive, target string) error {
	pos, err := d.Position(ctx)
	if err != nil {
		return err
	}
	doc := movedTapeDoc{d.name, newPositionDoc(pos)}
	return inv.emit(doc, func(p *page) {
		if inv.dryRun {
			p.line("would wind %s to %s", d.name, target)
			return
		}
		p.line("%s is %s", d.name, doc.Position)
	})
}

func ltoRewindCommand() *command {
	return driveVerb(&command{
		Name: "rewind", Summary: "wind the tape to its beginning",
		Description: "Winds the tape to its beginning.",
		Examples:    []example{{"calypso lto rewind -f vtl01:0", "rewind"}},
		Mutates:     true,
		Run:         runLTORewind,
	})
}

func runLTORewind(ctx context.Context, inv *invocation) (err error) {
	d, _, err := inv.loadedDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	if !inv.dryRun {
		if err := d.Rewind(ctx); err != nil {
			return err
		}
	}
	return inv.emitPosition(ctx, d, "the beginning")
}

func ltoSeekCommand() *command {
	return driveVerb(&command{
		Name: "seek", Summary: "wind the tape to a file, a block or the end of the data",
		Description: "Winds the tape. Other verbs find their place by themselves; this is for use with other programs and for finding faults.",
		Flags: []flag{
			intFlag("file", "N", "the tape file: 0 is the label"),
			intFlag("block", "N", "the logical block address"),
			boolFlag("end", "the end of the data"),
		},
		Examples: []example{
			{"calypso lto seek -f vtl01:0 --file 3", "to the beginning of tape file 3"},
			{"calypso lto seek -f vtl01:0 --end", "behind all data"},
		},
		Mutates: true,
		Run:     runLTOSeek,
	})
}

func runLTOSeek(ctx context.Context, inv *invocation) (err error) {
	targets := 0
	for _, name := range []string{"file", "block", "end"} {
		if inv.isSet(name) {
			targets++
		}
	}
	if targets != 1 || inv.integer("file") < 0 || inv.integer("block") < 0 {
		return usageErrorf("say where to with one of --file N, --block N or --end")
	}
	d, _, err := inv.loadedDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	if !inv.dryRun {
		if err := inv.seek(ctx, d); err != nil {
			return err
		}
	}
	return inv.emitPosition(ctx, d, inv.seekTarget())
}

// seekTarget is where to in words.
func (inv *invocation) seekTarget() string {
	switch {
	case inv.isSet("file"):
		return fmt.Sprintf("file %d", inv.integer("file"))
	case inv.isSet("block"):
		return fmt.Sprintf("block %d", inv.integer("block"))
	}
	return "the end of the data"
}

func (inv *invocation) seek(ctx context.Context, d *drive) error {
	switch {
	case inv.isSet("file"):
		return d.LocateFile(ctx, inv.integer("file"))
	case inv.isSet("block"):
		return d.LocateBlock(ctx, inv.integer("block"))
	}
	return d.SpaceEOD(ctx)
}

func ltoEjectCommand() *command {
	return driveVerb(&command{
		Name: "eject", Summary: "unload the cartridge, so that it can be taken out",
		Description: "Rewinds and unloads the cartridge. It stays in the mouth of the drive until the library or a hand takes it: 'calypso library unload' does both.",
		Examples:    []example{{"calypso lto eject -f vtl01:0", "unload the cartridge"}},
		Mutates:     true,
		Run:         runLTOEject,
	})
}

// ejectDoc is `calypso lto eject --json`.
type ejectDoc struct {
	Drive   string  `json:"drive"`
	Barcode *string `json:"barcode"`
}

func runLTOEject(ctx context.Context, inv *invocation) (err error) {
	d, err := inv.openDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	r, err := d.Ready(ctx)
	if err != nil {
		return err
	}
	barcode := d.library.LoadedIn(d.number)
	if r.State == tape.Empty && barcode == "" {
		return errcode.New(errcode.DriveEmpty, d.name, "the drive holds no cartridge")
	}
	if !inv.dryRun && r.State != tape.Empty {
		if err := d.Unload(ctx); err != nil {
			return err
		}
	}
	return inv.emit(ejectDoc{d.name, orNull(barcode)}, func(p *page) {
		if inv.dryRun {
			p.line("would unload %s from %s", cell(barcode), d.name)
			return
		}
		next := ""
		if d.library.Name != "" {
			next = fmt.Sprintf("; 'calypso library unload %s --drive %d' puts it away", d.library.Name, d.number)
		}
		p.line("unloaded %s in %s%s", cell(barcode), d.name, next)
	})
}

func ltoIdentifyCommand() *command {
	return ltoVerb(&command{
		Name: "identify", Summary: "show what the drive is",
		Description: "Shows vendor, product, firmware and serial numbers as the drive gives them. Takes no lock and works while the drive is in use.",
		Examples:    []example{{"calypso lto identify -f vtl01:0", "what drive is this"}},
		Run:         runLTOIdentify,
	})
}

// identityDoc is `calypso lto identify --json`.
type identityDoc struct {
	Drive              string  `json:"drive"`
	Vendor             string  `json:"vendor"`
	Product            string  `json:"product"`
	Revision           string  `json:"revision"`
	Serial             *string `json:"serial"`
	ManufacturerSerial *string `json:"manufacturer_serial"`
	T10ID              *string `json:"t10_id"`
	NAA                *string `json:"naa"`
	MinBlockBytes      int     `json:"min_block_bytes"`
	MaxBlockBytes      int     `json:"max_block_bytes"`
}

func runLTOIdentify(ctx context.Context, inv *invocation) (err error) {
	d, _, err := inv.observeDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	id, err := d.Identify(ctx)
	if err != nil {
		return err
	}
	smallest, largest, err := d.Limits(ctx)
	if err != nil {
		return err
	}
	doc := identityDoc{d.name, id.Vendor, id.Product, id.Revision, orNull(id.Serial), orNull(id.ManufacturerSerial),
		orNull(id.T10ID), orNull(id.NAA), smallest, largest}
	return inv.emit(doc, func(p *page) {
		p.pairs("drive", doc.Drive, "vendor", doc.Vendor, "product", doc.Product, "revision", doc.Revision,
			"serial", doc.Serial, "manufacturer serial", doc.ManufacturerSerial, "T10 id", doc.T10ID, "NAA", doc.NAA,
			"block size", fmt.Sprintf("%d to %d bytes", smallest, largest))
	})
}
