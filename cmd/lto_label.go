package cmd

import (
	"context"
	"fmt"
	"os"
	"time"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/catalog"
	"calypso/tape/label"
	"calypso/tape/scsi"
)

func ltoLabelCommand() *command {
	return driveVerb(&command{
		Name: "label", Summary: "write a calypso label on a cartridge",
		Description: "Writes the label, tape file 0, and the cartridge memory: barcode, application, host. VOLUME must be the barcode when the cartridge has one.\n\nBefore, the head of the tape is read. A blank tape is labelled without a question. Anything else (a calypso label, the label of other backup software, an archive, data nobody knows) is destroyed only when it is named: by typing its name on a terminal, or with --confirm NAME. The refusal says which name.",
		Args:        []arg{{Name: "VOLUME", Usage: "name of the volume, normally its barcode"}},
		Flags:       []flag{blockSizeFlag()},
		Examples: []example{
			{"calypso lto label -f vtl01:0 V00001L8", "label a blank tape"},
			{"calypso lto label -f vtl01:0 V00001L8 --confirm V00001L8", "label it anew; everything on it is lost"},
		},
		Exits:   []errcode.Exit{errcode.ExitRefused, errcode.ExitMismatch, errcode.ExitNoSpace},
		Mutates: true, Danger: severe,
		Run: runLTOLabel,
	})
}

func blockSizeFlag() flag {
	return sizeFlag("block-size", "bytes of a tape block of the archives; at most what the drive allows").Default("256KiB").Setting("block_size")
}

// labelDoc is `calypso lto label --json`.
type labelDoc struct {
	Drive          string     `json:"drive"`
	Volume         string     `json:"volume"`
	UUID           *string    `json:"uuid"`
	BlockSizeBytes int        `json:"block_size_bytes"`
	Barcode        *string    `json:"barcode"`
	Overwrote      *headDoc   `json:"overwrote"`
	Created        *time.Time `json:"created"`
}

// headDoc is what was found at the head of a tape.
type headDoc struct {
	Kind     string  `json:"kind"`
	Software *string `json:"software"`
	Volume   *string `json:"volume"`
	Detail   *string `json:"detail"`
}

func newHeadDoc(f label.Found) *headDoc {
	return &headDoc{string(f.Kind), orNull(f.Software), orNull(f.Volume), orNull(f.Detail)}
}

func runLTOLabel(ctx context.Context, inv *invocation) (err error) {
	volume := inv.arg("VOLUME")
	if err := label.CheckVolume(volume); err != nil {
		return err
	}
	d, m, err := inv.loadedDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	if err := inv.labelAllowed(ctx, d, m, volume); err != nil {
		return err
	}
	found, err := inv.mayOverwrite(ctx, d, m, "label "+volume+" over")
	if err != nil {
		return err
	}
	l, err := label.New(volume, hostName(), software(), int(inv.size("block-size")), time.Now())
	if err != nil {
		return err
	}
	doc := labelDoc{Drive: d.name, Volume: volume, BlockSizeBytes: l.BlockSize, Barcode: orNull(m.Barcode)}
	if !found.Overwritable() {
		doc.Overwrote = newHeadDoc(found)
	}
	if !inv.dryRun {
		if err := inv.writeLabel(ctx, d, m, l, found); err != nil {
			return err
		}
		doc.UUID, doc.Created = &l.UUID, &l.Created
	}
	return inv.emit(doc, func(p *page) { p.labelled(doc, inv.dryRun) })
}

func (p *page) labelled(doc labelDoc, dryRun bool) {
	verb := "labelled"
	if dryRun {
		verb = "would label"
	}
	over := ""
	if o := doc.Overwrote; o != nil {
		over = fmt.Sprintf(", over %s %s", cell(o.Software), cell(o.Volume))
	}
	p.line("%s %s in %s with blocks of %d bytes%s", verb, doc.Volume, doc.Drive, doc.BlockSizeBytes, over)
}

// labelAllowed checks what needs no look at the tape.
func (inv *invocation) labelAllowed(ctx context.Context, d *drive, m tape.Medium, volume string) error {
	if err := d.writable(m); err != nil {
		return err
	}
	if err := d.mustNotEncrypt(ctx); err != nil {
		return err
	}
	if m.Barcode != "" && m.Barcode != volume {
		return errcode.New(errcode.MediaLabelMismatch, d.name, "the cartridge has barcode %s, not %q", m.Barcode, volume).
			WithHint("label it %s, or load the cartridge you meant", m.Barcode)
	}
	return inv.checkBlockSize(ctx, d)
}

func (inv *invocation) checkBlockSize(ctx context.Context, d *drive) error {
	_, largest, err := d.Limits(ctx)
	if err != nil {
		return err
	}
	size := inv.size("block-size")
	switch {
	case size > int64(min(largest, label.MaxBlockSize)):
		return errcode.New(errcode.TapeBlockTooLarge, d.name, "--block-size %d: the drive takes blocks of up to %d bytes", size, min(largest, label.MaxBlockSize))
	case size < label.MinBlockSize || size%512 != 0:
		return usageErrorf("--block-size %d: want a multiple of 512, from %d", size, label.MinBlockSize)
	}
	return nil
}

// mayOverwrite reads the head of the tape and has anything but a blank one named.
func (inv *invocation) mayOverwrite(ctx context.Context, d *drive, m tape.Medium, what string) (label.Found, error) {
	if err := d.SetVariableBlock(ctx); err != nil {
		return label.Found{}, err
	}
	found, err := label.Read(ctx, d)
	if err != nil || found.Overwritable() {
		return found, err
	}
	if m.WORM { // before the catalog forgets what the drive would not destroy
		return found, errcode.New(errcode.TapeWORM, d.name, "cartridge %s can be written once only (WORM) and holds %s", cell(m.Barcode), found)
	}
	err = inv.confirmName(ctx, found.ConfirmName(m.Barcode), fmt.Sprintf("%s %s and destroy all data of the cartridge", what, found))
	if errcode.Of(err) == errcode.ConfirmRequired {
		err = found.Err(d.name, m.Barcode) // which says whose data it is
	}
	if err == nil && !inv.dryRun {
		err = stillNamed(ctx, d, m, found)
	}
	return found, err
}

// stillNamed looks again when the question was answered, which may have stood for long: a drive tells its host once
// that it has another cartridge, and that may have been another process.
func stillNamed(ctx context.Context, d *drive, m tape.Medium, was label.Found) error {
	now, err := label.Read(ctx, d)
	if err != nil {
		return err
	}
	again, err := d.Medium(ctx)
	if err != nil {
		return err
	}
	sameLabel := now.Label == was.Label || now.Label != nil && was.Label != nil && now.Label.UUID == was.Label.UUID
	if sameLabel && now.String() == was.String() && again.Barcode == m.Barcode && again.Serial == m.Serial {
		return nil
	}
	return errcode.New(errcode.MediaLabelMismatch, d.name, "the cartridge was changed meanwhile: it is %s now and holds %s", cell(orNull(again.Barcode)), now).
		WithHint("look what is in the drive, then start again").WithState("nothing was written")
}

// writeLabel writes the label and the cartridge memory, and starts the catalog of the cartridge anew.
func (inv *invocation) writeLabel(ctx context.Context, d *drive, m tape.Medium, l label.Label, old label.Found) error {
	block, err := l.Encode()
	if err != nil {
		return err
	}
	// From here on a signal waits until the tape and the catalog say the same again.
	ctx = context.WithoutCancel(ctx)
	if err := inv.forget(ctx, old); err != nil {
		return err
	}
	if err := inv.takeName(ctx, l.Volume); err != nil {
		return err
	}
	if err := d.Rewind(ctx); err != nil {
		return err
	}
	if _, err := d.Write(ctx, block); err != nil {
		return err
	}
	if _, err := d.WriteFilemarks(ctx, 1, false); err != nil {
		return err
	}
	check, err := label.Read(ctx, d)
	if err != nil {
		return err
	}
	if check.Label == nil || check.Label.UUID != l.UUID {
		return errcode.New(errcode.MediaLabelMismatch, d.name, "the label was written but reads back as %s", check)
	}
	inv.writeMemory(ctx, d, m, l)
	return inv.catalog().Replace(ctx, inv.newCartridge(d, m, l), nil)
}

// takeName makes the name this cartridge's from now on, whichever had it.
func (inv *invocation) takeName(ctx context.Context, volume string) error {
	archives, err := inv.catalog().Archives(volume)
	if err == nil && len(archives) > 0 {
		inv.warn("the catalog knew %s of another cartridge %s and forgets them; 'calypso lto scan' of that one brings them back", counted(len(archives), "archive"), volume)
	}
	if err := inv.catalog().Forget(ctx, volume); errcode.Of(err) != errcode.MediaNotFound {
		return err
	}
	return nil
}

// forget takes what is about to be destroyed out of the catalog. It comes before the tape: a catalog that
// knows nothing of a cartridge can be read back from it, one that describes another tape stands in the
// way of the next writer.
func (inv *invocation) forget(ctx context.Context, old label.Found) error {
	if old.Label == nil {
		return nil
	}
	store := inv.catalog()
	c, err := store.Get(old.Label.Volume)
	switch {
	case errcode.Of(err) == errcode.MediaNotFound:
		return nil
	case err != nil:
		return err
	case c.UUID != old.Label.UUID:
		return nil
	}
	return store.Forget(ctx, old.Label.Volume)
}

func (inv *invocation) newCartridge(d *drive, m tape.Medium, l label.Label) catalog.Cartridge {
	return catalog.Cartridge{Volume: l.Volume, UUID: l.UUID, Generation: m.Generation, BlockSizeBytes: l.BlockSize,
		Labelled: l.Created, LastSeen: time.Now().UTC().Truncate(time.Second), Location: d.name, CapacityBytes: max(m.CapacityBytes, 0)}
}

// writeMemory puts who wrote the tape into the cartridge memory. A cartridge without one, or one that
// cannot be written, is as good: the label on the tape is what counts.
func (inv *invocation) writeMemory(ctx context.Context, d *drive, m tape.Medium, l label.Label) {
	values := []struct {
		id   uint16
		text string
	}{
		{scsi.AttrAppVendor, "CALYPSO"}, {scsi.AttrAppName, "calypso"}, {scsi.AttrAppVersion, shortVersion()},
		{scsi.AttrUserLabel, l.Volume}, {scsi.AttrOwningHost, l.Host}, {scsi.AttrBarcode, l.Volume},
	}
	for _, v := range values {
		if v.id == scsi.AttrBarcode && m.Barcode != "" {
			continue
		}
		a, err := scsi.NewAttribute(v.id, v.text)
		if err == nil {
			err = d.SetAttribute(ctx, a)
		}
		if err != nil {
			inv.warn("the cartridge memory was not written: %v", err)
			return
		}
	}
}

// hostName is this machine for labels and manifests.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

func software() string { return "calypso " + version }

// shortVersion is the version in the 8 characters that the cartridge memory has for it.
func shortVersion() string { return version[:min(len(version), 8)] }

func ltoEraseCommand() *command {
	return driveVerb(&command{
		Name: "erase", Summary: "erase a cartridge from its beginning",
		Description: "Makes the cartridge blank. By default only its beginning is erased, which takes seconds and makes the rest unreachable for a drive; --long wipes the whole tape, which takes hours on a real one. Anything but a blank tape must be named, as for 'calypso lto label'.",
		Flags:       []flag{boolFlag("long", "wipe the whole tape")},
		Examples:    []example{{"calypso lto erase -f vtl01:0 --confirm V00001L8", "erase a labelled tape"}},
		Exits:       []errcode.Exit{errcode.ExitRefused},
		Mutates:     true, Danger: severe,
		Run: runLTOErase,
	})
}

// eraseDoc is `calypso lto erase --json`.
type eraseDoc struct {
	Drive   string   `json:"drive"`
	Barcode *string  `json:"barcode"`
	Long    bool     `json:"long"`
	Erased  *headDoc `json:"erased"`
}

func runLTOErase(ctx context.Context, inv *invocation) (err error) {
	d, m, err := inv.loadedDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	if err := d.writable(m); err != nil {
		return err
	}
	found, err := inv.mayOverwrite(ctx, d, m, "erase")
	if err != nil {
		return err
	}
	if !inv.dryRun {
		if err := inv.erase(ctx, d, found); err != nil {
			return err
		}
	}
	doc := eraseDoc{d.name, orNull(m.Barcode), inv.flag("long"), newHeadDoc(found)}
	return inv.emit(doc, func(p *page) {
		verb := "erased"
		if inv.dryRun {
			verb = "would erase"
		}
		p.line("%s %s in %s; it held %s", verb, cell(m.Barcode), d.name, found)
	})
}

func (inv *invocation) erase(ctx context.Context, d *drive, found label.Found) error {
	if err := inv.forget(ctx, found); err != nil {
		return err
	}
	if err := d.Rewind(ctx); err != nil {
		return err
	}
	return d.Erase(ctx, inv.flag("long"))
}
