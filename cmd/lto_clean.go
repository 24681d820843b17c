package cmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/cleaning"
)

func ltoCleanCommand() *command {
	return driveVerb(&command{
		Name: "clean", Summary: "clean the drive with a cleaning cartridge of its library",
		Description: "Finds a cleaning cartridge in the library of the drive, by its barcode (CLN...) or by what the library says of it, loads it, waits until the drive has cleaned, and puts it back where it was, also after an error or a signal. Its uses are counted below the state directory; one that has had its 50, or that a drive called expired, is not used again.\n\nA drive that holds a tape is left alone unless --unload is given; the tape is put into its slot then and stays there.",
		Flags: []flag{
			stringFlag("library", "LIBRARY", "the library of the drive; needed only when the drive's name does not tell"),
			intFlag("slot", "N", "the slot of the cleaning cartridge; without it the first that is not used up"),
			boolFlag("unload", "put a tape that is in the drive into its slot first"),
		},
		Examples: []example{
			{"calypso lto clean -f vtl01:0", "clean the drive"},
			{"calypso lto clean -f vtl01:0 --unload -n", "what would be done, also with a tape in the drive"},
		},
		Exits:   []errcode.Exit{errcode.ExitRefused, errcode.ExitNoSpace},
		Mutates: true,
		Run:     runLTOClean,
	})
}

// cleanDoc is `calypso lto clean --json`.
type cleanDoc struct {
	Drive      string     `json:"drive"`
	Library    string     `json:"library"`
	Barcode    *string    `json:"barcode"`
	From       placeDoc   `json:"from"`
	Place      placeDoc   `json:"place"` // where the cartridge is now
	Unloaded   *moveEntry `json:"unloaded"`
	Cleaned    bool       `json:"cleaned"`
	Expired    bool       `json:"expired"`
	StillAsked *bool      `json:"cleaning_still_requested"`
	Uses       *int       `json:"uses"`
	UsesLimit  int        `json:"uses_limit"`
}

func runLTOClean(ctx context.Context, inv *invocation) (err error) {
	dev, err := inv.findDrive()
	if err != nil {
		return err
	}
	inv.setObject(dev.name)
	if dev, err = inv.inLibrary(dev); err != nil {
		return err
	}
	c, d, err := inv.openChangerWith(ctx, dev)
	if err != nil {
		return err
	}
	defer closeInto(&err, c)
	v, err := c.Inventory(ctx)
	if err != nil {
		return err
	}
	bay, err := v.ByDriveSerial(dev.serial)
	if errcode.Of(err) == errcode.DriveNotFound { // not every library tells serial numbers
		if bay, err = v.Find(tape.DriveBay, dev.number); err == nil {
			err = c.library.checkBay(bay)
		}
	}
	if err != nil {
		return err
	}
	if err := inv.mayEmpty(d, bay); err != nil {
		return err
	}
	cartridge, err := inv.cleaningCartridge(v)
	if err != nil {
		return err
	}
	doc := cleanDoc{Drive: dev.name, Library: dev.library.Name, Barcode: orNull(cartridge.Barcode),
		From: newPlaceDoc(cartridge), Place: newPlaceDoc(cartridge), UsesLimit: cleaning.Limit}
	if doc.Unloaded, err = inv.makeRoom(ctx, c, d, v, &bay); err != nil {
		return err
	}
	return inv.clean(ctx, c, d, &doc, cartridge, bay)
}

// inLibrary is the drive as the library knows it that --library names.
func (inv *invocation) inLibrary(dev device) (device, error) {
	name := inv.str("library")
	if name == "" || name == dev.library.Name {
		return dev, nil
	}
	lib, err := inv.findLibrary(name)
	if err != nil {
		return dev, err
	}
	if n := lib.bayOf(dev.serial); n >= 0 {
		dev.library, dev.number = lib, n
		return dev, nil
	}
	return dev, errcode.New(errcode.DriveNotFound, name, "drive %s is not in this library", dev.name)
}

// openChangerWith opens the changer of a drive and the drive, so that a cartridge can be moved between
// them while both are open. Closing the changer closes both.
func (inv *invocation) openChangerWith(ctx context.Context, dev device) (*changer, *drive, error) {
	if dev.library.Name == "" {
		return nil, nil, errcode.New(errcode.LibraryNotFound, dev.name, "the drive is in no library that is known").
			WithHint("'calypso library discover --write' makes its library known")
	}
	if err := dev.library.mayMove(); err != nil {
		return nil, nil, err
	}
	held, err := inv.lockAll(ctx, "changer-"+dev.library.Serial, dev.lockName())
	if err != nil {
		return nil, nil, err
	}
	c := &changer{library: dev.library, closers: closers{held.Close}}
	d := &drive{device: dev}
	err = inv.takeChanger(ctx, c, false)
	if err == nil {
		err = inv.reserve(ctx, &c.Changer.Unit, &c.closers)
	}
	if err == nil {
		err = inv.takeDrive(ctx, d)
	}
	if err == nil {
		err = inv.reserve(ctx, &d.Drive.Unit, &d.closers)
	}
	c.closers = append(c.closers, d.Close)
	if err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	return c, d, nil
}

func (inv *invocation) cleanings() *cleaning.Store {
	return cleaning.NewStore(filepath.Join(inv.places.StateDir, "cleaning"))
}

// cleaningCartridge is the one of --slot, or the first that is not known to be used up.
func (inv *invocation) cleaningCartridge(v tape.Inventory) (tape.Element, error) {
	candidates := v.CleaningCartridges()
	if inv.isSet("slot") {
		e, err := v.Find(tape.Slot, int(inv.integer("slot")))
		if err != nil {
			return e, err
		}
		if !e.IsCleaning() {
			return e, errcode.New(errcode.CleaningNotFound, inv.str("library"), "%s holds no cleaning cartridge", e)
		}
		candidates = []tape.Element{e}
	}
	var usedUp []string
	for _, e := range candidates {
		known, err := inv.cleaningUses(e.Barcode)
		if err != nil {
			return e, err
		}
		if known == nil || !known.UsedUp() {
			return e, nil
		}
		usedUp = append(usedUp, fmt.Sprintf("%s in %s (%s)", e.Barcode, e, usesText(*known)))
	}
	if len(usedUp) == 0 {
		return tape.Element{}, errcode.New(errcode.CleaningNotFound, "", "the library has no cleaning cartridge that the robot can reach")
	}
	return tape.Element{}, errcode.New(errcode.CleaningExpired, "", "no cleanings left: %s", someOf(usedUp)).
		WithHint("replace it; a new cartridge with an old barcode is known as such once its file below %s is removed", filepath.Join(inv.places.StateDir, "cleaning"))
}

func usesText(c cleaning.Cartridge) string {
	if c.Expired {
		return "a drive called it expired"
	}
	return fmt.Sprintf("%d of %d uses", c.Uses, c.Limit)
}

// cleaningUses is what is known of a cartridge; nil for one whose barcode the library cannot read: it
// has no name to be counted under.
func (inv *invocation) cleaningUses(barcode string) (*cleaning.Cartridge, error) {
	if barcode == "" {
		return nil, nil
	}
	c, err := inv.cleanings().Get(barcode)
	return &c, err
}

// mayEmpty refuses a drive that holds a cartridge, but for a tape that --unload allows to put away.
func (inv *invocation) mayEmpty(d *drive, bay tape.Element) error {
	if !bay.Full || inv.flag("unload") && !bay.IsCleaning() {
		return nil
	}
	e := errcode.New(errcode.DriveFull, d.name, "the drive holds %s", cell(orNull(bay.Barcode)))
	if bay.IsCleaning() {
		return e.WithHint("'calypso library unload %s --drive %d' puts it away", d.library.Name, d.number)
	}
	return e.WithHint("--unload puts it into its slot first")
}

// makeRoom puts a tape that is in the drive away.
func (inv *invocation) makeRoom(ctx context.Context, c *changer, d *drive, v tape.Inventory, bay *tape.Element) (*moveEntry, error) {
	if !bay.Full {
		return nil, nil
	}
	target, err := element{kind: tape.Slot, home: true}.target(v, *bay)
	if err != nil {
		return nil, err
	}
	m := tape.Moved{Barcode: bay.Barcode, From: *bay, To: target}
	if !inv.dryRun {
		if err := d.letGo(ctx); err != nil {
			return nil, err
		}
		if m, err = c.Transfer(ctx, *bay, target); err != nil {
			return nil, inv.notMoved(ctx, c, err, *bay, target)
		}
		if err := inv.moved(ctx, c, m); err != nil {
			return nil, err
		}
	}
	bay.Full, bay.Barcode = false, ""
	return &moveEntry{orNull(m.Barcode), newPlaceDoc(m.From), newPlaceDoc(m.To)}, nil
}

func (inv *invocation) clean(ctx context.Context, c *changer, d *drive, doc *cleanDoc, cartridge, bay tape.Element) error {
	if inv.dryRun {
		return inv.emitClean(doc, cartridge)
	}
	res, err := tape.Clean(ctx, c.Changer, d.Drive, cartridge, bay)
	doc.Place, doc.Expired, doc.StillAsked = newPlaceDoc(res.Place), res.Expired, res.Asks
	if res.Loaded {
		err = errors.Join(err, inv.moved(ctx, c, tape.Moved{Barcode: cartridge.Barcode, From: cartridge, To: res.Place}))
	}
	if res.Loaded && cartridge.Barcode != "" {
		known, bookErr := inv.cleanings().Book(context.WithoutCancel(ctx), cartridge.Barcode, d.serial, time.Now(), res.Expired)
		doc.Uses = &known.Uses
		err = errors.Join(err, bookErr)
	}
	if err != nil {
		return err
	}
	doc.Cleaned = true
	return inv.emitClean(doc, cartridge)
}

func (inv *invocation) emitClean(doc *cleanDoc, cartridge tape.Element) error {
	return inv.emit(doc, func(p *page) {
		done, put := "cleaned", "put"
		if inv.dryRun {
			done, put = "would clean", "would put"
		}
		if m := doc.Unloaded; m != nil {
			p.line("%s %s into %s %d", put, cell(m.Barcode), m.To.Kind, m.To.Number)
		}
		text := fmt.Sprintf("%s %s with %s of %s", done, doc.Drive, cell(doc.Barcode), cartridge)
		if doc.Uses != nil {
			text += fmt.Sprintf(", use %d of %d", *doc.Uses, doc.UsesLimit)
		}
		p.line("%s", text)
	})
}
