package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/discover"
	"calypso/tape/scsi/sg"
	"calypso/vtl"
)

// line is what 'library list' shows without asking a changer.
func (l *library) line() libraryLineDoc {
	if v := l.virtual; v != nil {
		tapes := v.TapeCount()
		return libraryLineDoc{Name: l.Name, Kind: "virtual", Serial: l.Serial, Drives: len(v.Drives), Slots: &v.Slots, IOSlots: &v.IOSlots, Tapes: &tapes}
	}
	return libraryLineDoc{Name: l.Name, Kind: "hardware", Serial: l.Serial, Drives: len(l.hardware.Drives)}
}

func libraryDiscoverCommand() *command {
	return &command{
		Name: "discover", Summary: "find the libraries of this host and which drive is in which bay",
		Description: "Asks every changer and tape drive of the host who it is, and joins the bays of each library to the drives by what both say of the drive's serial number. Nothing is moved. What cannot be proved stays unresolved, with the reason, and is not commanded: guessing would load a tape into another drive.\n\n--write remembers the libraries: each gets a name, its drives are NAME:0, NAME:1 and so on, and the library verbs move its cartridges. A library that was not remembered is shown but not moved: a chassis may be shared with others. Libraries and drives are known by their serial numbers, so a reboot that renumbers the nodes changes nothing.",
		Flags: []flag{
			boolFlag("write", "remember the libraries"),
			stringFlag("changer", "DEVICE", "this changer alone: its node or serial number"),
			stringFlag("name", "NAME", "the name of the library; without it one made of its product"),
		},
		Examples: []example{
			{"calypso library discover", "what there is"},
			{"calypso library discover --write --name msl", "remember the one library as msl"},
		},
		Exits:       []errcode.Exit{errcode.ExitNotFound, errcode.ExitRefused, errcode.ExitUnsupported, errcode.ExitDevice},
		MutatesWith: "write",
		Run:         runLibraryDiscover,
	}
}

// discoverDoc is `calypso library discover --json`.
type discoverDoc struct {
	Libraries []foundLibraryDoc `json:"libraries"`
	Drives    []hostDriveDoc    `json:"drives"` // that are in none of them
}

type foundLibraryDoc struct {
	Name       *string       `json:"name"` // null: not remembered
	Remembered bool          `json:"remembered"`
	Vendor     string        `json:"vendor"`
	Product    string        `json:"product"`
	Serial     *string       `json:"serial"`
	Generic    string        `json:"generic_node"`
	Slots      int           `json:"slots"`
	IOSlots    int           `json:"io_slots"`
	Bays       []foundBayDoc `json:"bays"`
	Problem    *string       `json:"problem"`
}

type foundBayDoc struct {
	Bay            int     `json:"bay"`
	ElementAddress int     `json:"element_address"`
	Serial         *string `json:"serial"` // null: unresolved
	Told           *string `json:"told"`   // what the library says of the drive
	Generic        *string `json:"generic_node"`
	Tape           *string `json:"tape_node"`
	Full           bool    `json:"full"`
	Barcode        *string `json:"barcode"`
	Reason         *string `json:"reason"` // why it is unresolved
}

func runLibraryDiscover(ctx context.Context, inv *invocation) error {
	if inv.isSet("name") && discover.CheckName(inv.str("name")) != nil {
		return usageErrorf("--name: %v", discover.CheckName(inv.str("name")))
	}
	list, err := nodes()
	if err != nil {
		return err
	}
	host := discover.Scan(ctx, list, openNode)
	if err := ctx.Err(); err != nil {
		return err
	}
	chosen, err := inv.chosenChangers(host)
	if err != nil {
		return err
	}
	names, err := inv.libraryNames(chosen)
	if err != nil {
		return err
	}
	if inv.flag("write") && !inv.dryRun {
		if err := inv.remember(ctx, chosen, names); err != nil {
			return err
		}
	}
	return inv.emitDiscovered(host, chosen, names)
}

// chosenChangers are all, or the one that was named.
func (inv *invocation) chosenChangers(host discover.Host) ([]discover.Changer, error) {
	name := inv.str("changer")
	if name == "" {
		if inv.isSet("name") && len(host.Changers) > 1 {
			return nil, usageErrorf("there are %d changers: say with --changer which is to be called %s", len(host.Changers), inv.str("name"))
		}
		return host.Changers, nil
	}
	for _, c := range host.Changers {
		if c.Serial == name || c.Node.Has(name) {
			return []discover.Changer{c}, nil
		}
	}
	return nil, errcode.New(errcode.DeviceNotFound, name, "no changer has this node or serial number")
}

// libraryNames gives each changer the name that it has or is to get.
func (inv *invocation) libraryNames(chosen []discover.Changer) ([]string, error) {
	known, err := inv.hardware().List()
	if err != nil {
		return nil, err
	}
	taken, names := map[string]bool{}, make([]string, len(chosen))
	virtual, err := vtl.NewStore(inv.places).List()
	if err != nil {
		return nil, err
	}
	for _, l := range virtual {
		taken[l.Name] = true
	}
	for _, l := range known {
		taken[l.Name] = true
	}
	for i, c := range chosen {
		old := discover.BySerial(known, c.Serial)
		switch {
		case old != nil && inv.isSet("name") && inv.str("name") != old.Name:
			return nil, errcode.New(errcode.LibraryExists, old.Name, "the library with serial number %s is remembered under this name", c.Serial)
		case old != nil:
			names[i] = old.Name
		case inv.isSet("name") && taken[inv.str("name")]:
			return nil, errcode.New(errcode.LibraryExists, inv.str("name"), "another library has this name")
		case inv.isSet("name"):
			names[i] = inv.str("name")
		default:
			names[i] = freeName(c.Identity.Product, taken)
		}
		taken[names[i]] = true
	}
	return names, nil
}

// freeName makes a name of what the changer calls itself: "3573-TL" gives 3573-tl, then 3573-tl-2.
func freeName(product string, taken map[string]bool) string {
	base := strings.Trim(strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToLower(r)
		}
		return '-'
	}, product), "-")
	if base == "" {
		base = "library"
	}
	base = base[:min(len(base), 28)]
	name := base
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}

// remember writes what was found. A changer that did not answer is left as it is remembered.
func (inv *invocation) remember(ctx context.Context, chosen []discover.Changer, names []string) error {
	for i := range chosen {
		c := &chosen[i]
		if c.Err != nil {
			inv.warn("%s is not remembered: %v", c.Node.Generic, c.Err)
			continue
		}
		l, err := c.Remember(names[i], time.Now())
		if err == nil {
			err = inv.hardware().Put(ctx, l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (inv *invocation) emitDiscovered(host discover.Host, chosen []discover.Changer, names []string) error {
	known, err := inv.hardware().List()
	if err != nil {
		return err
	}
	doc := discoverDoc{Libraries: []foundLibraryDoc{}, Drives: []hostDriveDoc{}}
	resolved := map[string]bool{}
	for i, c := range chosen {
		l := newFoundLibraryDoc(c)
		l.Remembered = discover.BySerial(known, c.Serial) != nil && c.Serial != ""
		if l.Remembered || inv.flag("write") && c.Err == nil {
			l.Name = &names[i]
		}
		doc.Libraries = append(doc.Libraries, l)
	}
	for _, c := range host.Changers {
		for _, b := range c.Bays {
			if b.Drive != nil {
				resolved[b.Drive.Node.Generic] = true
			}
		}
	}
	for _, d := range host.Drives {
		if !resolved[d.Node.Generic] {
			doc.Drives = append(doc.Drives, newHostDriveDoc(d))
		}
	}
	if err := inv.whoHolds(doc.Drives); err != nil {
		return err
	}
	return inv.emit(doc, func(p *page) { p.discovered(doc) })
}

func newFoundLibraryDoc(c discover.Changer) foundLibraryDoc {
	doc := foundLibraryDoc{Vendor: c.Identity.Vendor, Product: c.Identity.Product, Serial: orNull(c.Serial), Generic: c.Node.Generic,
		Slots: len(c.Inventory.Of(tape.Slot)), IOSlots: len(c.Inventory.Of(tape.IO)), Bays: []foundBayDoc{}}
	if c.Err != nil {
		text := c.Err.Error()
		doc.Vendor, doc.Product, doc.Problem = c.Node.Vendor, c.Node.Product, &text
	}
	for _, b := range c.Bays {
		d := foundBayDoc{Bay: b.Number, ElementAddress: int(b.Address), Told: orNull(b.DriveSerial), Full: b.Full, Barcode: orNull(b.Barcode), Reason: orNull(b.Reason)}
		if b.Drive != nil {
			d.Serial, d.Generic, d.Tape = &b.Drive.Serial, &b.Drive.Node.Generic, orNull(b.Drive.Node.NoRewind)
		}
		doc.Bays = append(doc.Bays, d)
	}
	return doc
}

func (p *page) discovered(doc discoverDoc) {
	if len(doc.Libraries) == 0 {
		p.line("no changers")
	}
	for i, l := range doc.Libraries {
		if i > 0 {
			p.blank()
		}
		p.foundLibrary(l)
	}
	if len(doc.Drives) > 0 {
		p.blank()
		p.line("drives in no library:")
		p.hostDrives(doc.Drives)
	}
}

func (p *page) foundLibrary(l foundLibraryDoc) {
	name := "not remembered"
	if l.Name != nil {
		name = "library " + *l.Name
	}
	p.line("%s  %s %s  serial %s  %s  %s", name, l.Vendor, l.Product, cell(l.Serial), l.Generic, counted(l.Slots, "slot"))
	if l.Problem != nil {
		p.line("%s", *l.Problem)
		return
	}
	t := newTable(">bay", ">address", "serial", "sg", "nst", "barcode", "note")
	for _, b := range l.Bays {
		t.row(b.Bay, b.ElementAddress, b.Serial, b.Generic, b.Tape, b.Barcode, b.Reason)
	}
	p.table(t, "no bays for drives")
}

func ltoListDrivesCommand() *command {
	return &command{
		Name: "list-drives", Summary: "list the tape drives of this host and of the virtual libraries",
		Description: "Lists every tape drive, with the names that -f takes: LIBRARY:N, the serial number, its nodes. Drives of the host are asked who they are; nothing is moved and no lock is taken.",
		Examples:    []example{{"calypso lto list-drives", "what drives there are"}, {"calypso lto list-drives --json | jq -r '.drives[].serial'", "their serial numbers"}},
		Exits:       []errcode.Exit{errcode.ExitDevice},
		Run:         runLTOListDrives,
	}
}

// hostDrivesDoc is `calypso lto list-drives --json`.
type hostDrivesDoc struct {
	Drives []hostDriveDoc `json:"drives"`
}

type hostDriveDoc struct {
	Name         string     `json:"name"` // what -f takes
	Kind         string     `json:"kind"` // virtual, hardware
	Serial       *string    `json:"serial"`
	Manufacturer *string    `json:"manufacturer_serial"`
	Vendor       string     `json:"vendor"`
	Product      string     `json:"product"`
	Revision     string     `json:"revision"`
	Generic      *string    `json:"generic_node"`
	Tape         *string    `json:"tape_node"`
	Address      *string    `json:"address"`
	Problem      *string    `json:"problem"`
	HeldBy       *holderDoc `json:"held_by"` // of a virtual drive that is not served: a calypso
}

func newHostDriveDoc(d discover.Drive) hostDriveDoc {
	doc := hostDriveDoc{Name: d.Serial, Kind: "hardware", Serial: orNull(d.Serial), Manufacturer: orNull(d.Identity.ManufacturerSerial),
		Vendor: d.Node.Vendor, Product: d.Node.Product, Revision: d.Node.Revision,
		Generic: &d.Node.Generic, Tape: orNull(d.Node.NoRewind), Address: orNull(d.Node.Address)}
	if d.Serial == "" {
		doc.Name = d.Node.Generic
	}
	if d.Err != nil {
		text := d.Err.Error()
		doc.Problem = &text
	}
	return doc
}

func runLTOListDrives(ctx context.Context, inv *invocation) error {
	libraries, err := inv.libraries()
	if err != nil {
		return err
	}
	found, err := inv.hostDrives(ctx)
	if err != nil {
		return err
	}
	doc := hostDrivesDoc{Drives: []hostDriveDoc{}}
	for _, l := range libraries {
		if l.virtual != nil {
			doc.Drives = append(doc.Drives, virtualDriveDocs(l, found)...)
		}
	}
	for _, d := range found {
		if d.Kind != "virtual" {
			doc.Drives = append(doc.Drives, d.named(libraries))
		}
	}
	if err := inv.whoHolds(doc.Drives); err != nil {
		return err
	}
	return inv.emit(doc, func(p *page) { p.hostDrives(doc.Drives) })
}

// hostDrives asks the drives of the host; without the sg driver there are none.
func (inv *invocation) hostDrives(ctx context.Context) ([]*hostDriveDoc, error) {
	list, err := nodes()
	if errcode.Of(err) == errcode.DeviceUnsupported {
		inv.detail("%v", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tapes := list[:0:0]
	for _, n := range list {
		if n.Kind == sg.Tape {
			tapes = append(tapes, n)
		}
	}
	var docs []*hostDriveDoc
	for _, d := range discover.Scan(ctx, tapes, openNode).Drives {
		doc := newHostDriveDoc(d)
		docs = append(docs, &doc)
	}
	return docs, ctx.Err()
}

// virtualDriveDocs are the drives of a virtual library. Those that are served have nodes: they are not
// drives of the host beside.
func virtualDriveDocs(l *library, found []*hostDriveDoc) []hostDriveDoc {
	var docs []hostDriveDoc
	for n, d := range l.virtual.Drives {
		doc := hostDriveDoc{Name: driveName(l.Name, n), Kind: "virtual", Serial: &d.Serial, Vendor: d.Vendor, Product: d.Product, Revision: d.Revision}
		for _, h := range found {
			if l.served && h.Serial != nil && *h.Serial == d.Serial {
				h.Kind, doc.Generic, doc.Tape, doc.Address = "virtual", h.Generic, h.Tape, h.Address
			}
		}
		docs = append(docs, doc)
	}
	return docs
}

// named is the drive with the name that it has in a library.
func (d *hostDriveDoc) named(libraries []*library) hostDriveDoc {
	for _, l := range libraries {
		if l.hardware == nil || d.Serial == nil {
			continue
		}
		if n := l.bayOf(*d.Serial); n >= 0 {
			d.Name = driveName(l.Name, n)
		}
	}
	return *d
}

func (p *page) hostDrives(list []hostDriveDoc) {
	t := newTable("name", "kind", "serial", "product", "firmware", "sg", "nst", "in use by", "problem")
	for _, d := range list {
		t.row(d.Name, d.Kind, d.Serial, strings.TrimSpace(d.Vendor+" "+d.Product), d.Revision, d.Generic, d.Tape, d.holderText(), d.Problem)
	}
	p.table(t, "no tape drives; 'calypso vtl create' makes virtual ones")
}
