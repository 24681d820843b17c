package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/archive"
	"calypso/tape/archive/pax"
	"calypso/tape/catalog"
	"calypso/tape/label"
	"calypso/tape/scsi"
)

func archiveFlags() []flag {
	return []flag{
		intFlag("file", "N", "tape file number of the archive"),
		stringFlag("name", "NAME", "name of the archive; the newest of that name"),
	}
}

func ltoReadCommand() *command {
	return driveVerb(&command{
		Name: "read", Summary: "restore an archive, or some members of it",
		Description: `Restores an archive below a directory, or gives its raw bytes on standard output. Everything that is read is compared with what was written: data that differs is never a success (status 17), and a file whose data differs does not get its name.

With members named, only the parts of the tape that hold them are read. A member is named as the archive lists it; a directory takes all below it; patterns are as for 'calypso lto write'.

Files that are there under the names of members are replaced, and so are symbolic links and files where members are directories; directories that hold something are not. Members whose names or links lead out of the directory are not restored and are named (status 3). A stream has no members: give it to its program with --stdout.`,
		Args: []arg{{Name: "MEMBER", Usage: "a member, a directory or a pattern", Optional: true, Repeated: true}},
		Flags: append(archiveFlags(),
			stringFlag("directory", "DIR", "restore below this directory").Short("C").Files(),
			boolFlag("stdout", "write the raw bytes of the archive to standard output"),
			boolFlag("keep-damaged", "keep a file whose data is damaged, as NAME.damaged"),
			boolFlag("numeric-owner", "set numeric owners, whatever the names are here"),
			sizeFlag("buffer", "memory between the drive and the disk").Default("256MiB").Setting("buffer")),
		Examples: []example{
			{"calypso lto read -f vtl01:0 --file 1 -C /restore", "restore an archive"},
			{"calypso lto read -f vtl01:0 --name src -C /restore usr/src/linux/Makefile", "restore one file, without reading the rest"},
			{"calypso lto read -f vtl01:0 --name tank-a --stdout | zfs receive tank/b", "restore a stream"},
			{"calypso lto read -f vtl01:0 --file 1 --dry-run '**/*.conf'", "see what would be restored"},
		},
		Exits: []errcode.Exit{errcode.ExitPartial, errcode.ExitMismatch, errcode.ExitNoSpace, errcode.ExitRefused},
		Run:   runLTORead,
	}, unlockFlags()...)
}

// readDoc is `calypso lto read --json`.
type readDoc struct {
	Drive       string       `json:"drive"`
	Volume      string       `json:"volume"`
	Archive     *archiveDoc  `json:"archive"`
	Destination *string      `json:"destination"`
	Bytes       int64        `json:"bytes"`
	Members     int64        `json:"members"`
	Verified    bool         `json:"verified"`
	Seconds     float64      `json:"duration_seconds"`
	DryRun      bool         `json:"dry_run"`
	Listed      []memberDoc  `json:"listed"`
	Problems    []problemDoc `json:"problems"`
}

// memberDoc is one member of an archive.
type memberDoc struct {
	Path      string  `json:"path"`
	PathHex   *string `json:"path_hex"`
	Type      string  `json:"type"`
	SizeBytes int64   `json:"size_bytes"`
	Mode      string  `json:"mode"`
	UID       int     `json:"uid"`
	GID       int     `json:"gid"`
	MTime     string  `json:"mtime"`
	Link      *string `json:"link"`
}

func newMemberDoc(m pax.Member) memberDoc {
	return memberDoc{validText(m.Path), hexTwin(m.Path), string(m.Type), m.Size, fmt.Sprintf("%04o", m.Mode), m.UID, m.GID,
		m.ModTime.UTC().Format(timeNano), orNull(validText(m.Link))}
}

func runLTORead(ctx context.Context, inv *invocation) (err error) {
	if err := inv.checkDestination(); err != nil {
		return err
	}
	t, err := inv.openArchive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, t.drive)
	if err := t.read(ctx); err != nil {
		return err
	}
	inv.keepStatusOf(ctx, t.drive)
	return nil
}

// checkDestination makes sure that there is one place for the data to go.
func (inv *invocation) checkDestination() error {
	stdout, dir := inv.flag("stdout"), inv.isSet("directory")
	switch {
	case stdout && dir:
		return usageErrorf("want either --stdout or -C DIR")
	case stdout && (inv.json || inv.dryRun):
		return usageErrorf("--stdout gives the archive itself on standard output: it goes with neither --json nor --dry-run")
	case stdout && len(inv.argList("MEMBER")) > 0:
		return usageErrorf("--stdout gives the whole archive: it takes no members")
	case stdout && inv.OutTTY:
		return usageErrorf("--stdout will not write an archive to a terminal").WithHint("send it into a file or a program")
	case stdout || inv.dryRun:
		return nil
	case !dir:
		return usageErrorf("say where to with -C DIR or --stdout")
	}
	info, err := os.Stat(inv.str("directory"))
	switch {
	case err != nil:
		return errcode.New(errcode.DestinationInvalid, inv.str("directory"), "%w", pathCause(err))
	case !info.IsDir():
		return errcode.New(errcode.DestinationInvalid, inv.str("directory"), "it is not a directory")
	}
	return nil
}

// pathCause is the cause in a *PathError: the path is said already.
func pathCause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// openedArchive is an archive on the tape in an open drive.
type openedArchive struct {
	inv      *invocation
	drive    *drive
	label    label.Label
	store    *catalog.Store
	entry    *catalog.Archive // nil: the catalog does not know it
	file     int64
	manifest *archive.Manifest
}

// openArchive opens the drive and finds the archive that --file or --name names.
func (inv *invocation) openArchive(ctx context.Context) (*openedArchive, error) {
	if inv.isSet("file") == inv.isSet("name") {
		return nil, usageErrorf("name the archive with either --file N or --name NAME")
	}
	if inv.integer("file") < 0 {
		return nil, usageErrorf("--file: %d is less than 0", inv.integer("file"))
	}
	t, err := inv.openTape(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.find(ctx); err != nil {
		return nil, errors.Join(err, t.drive.Close())
	}
	return t, nil
}

// openTape opens the drive on a cartridge with our label.
func (inv *invocation) openTape(ctx context.Context) (*openedArchive, error) {
	d, m, err := inv.loadedDrive(ctx)
	if err != nil {
		return nil, err
	}
	l, err := variableAndLabelled(ctx, d, m)
	if err != nil {
		l, err = inv.labelFromCatalog(m.Barcode, err)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return &openedArchive{inv: inv, drive: d, label: l, store: inv.catalog()}, nil
}

// labelFromCatalog stands in for a label that the medium does not give any more, so that the archives
// behind it can be restored: what is read of them is compared with what was written in any case.
func (inv *invocation) labelFromCatalog(barcode string, cause error) (label.Label, error) {
	sense, answered := scsi.SenseOf(cause)
	unreadable := answered && sense.Key == scsi.MediumError
	ours := errcode.Of(cause) == errcode.MediaLabelled && errcode.Of(errors.Unwrap(cause)) != errcode.StateNewer
	if !unreadable && !ours {
		return label.Label{}, cause
	}
	c, err := inv.catalog().Get(barcode)
	if err != nil {
		return label.Label{}, cause
	}
	inv.warn("the label on the tape cannot be used; the catalog says that it is %s", c.Volume)
	return label.Label{Volume: c.Volume, UUID: c.UUID, BlockSize: c.BlockSizeBytes}, nil
}

func variableAndLabelled(ctx context.Context, d *drive, m tape.Medium) (label.Label, error) {
	if err := d.SetVariableBlock(ctx); err != nil {
		return label.Label{}, err
	}
	return ourLabel(ctx, d, m)
}

// known lists what the catalog has of this very cartridge; nothing when it has none of it.
func (t *openedArchive) known() ([]catalog.Archive, error) {
	c, err := t.store.Get(t.label.Volume)
	if errcode.Of(err) == errcode.MediaNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if c.UUID != t.label.UUID {
		t.inv.warn("the catalog describes another cartridge of the name %s and is not used", t.label.Volume)
		return nil, nil
	}
	return t.store.Archives(t.label.Volume)
}

// find looks the archive up in the catalog, and what is not there on the tape.
func (t *openedArchive) find(ctx context.Context) error {
	list, err := t.known()
	if err != nil {
		return err
	}
	name, byName := t.inv.str("name"), t.inv.isSet("name")
	t.file = t.inv.integer("file")
	for i := len(list) - 1; i >= 0; i-- {
		if a := &list[i]; byName && a.Name == name || !byName && a.File == t.file {
			t.entry, t.file, t.manifest = a, a.File, &a.Manifest
			return nil
		}
	}
	if byName {
		return t.findOnTape(ctx, name)
	}
	return nil
}

// findOnTape looks for the newest archive of a name on the tape itself: the catalog may know less than it
// holds.
func (t *openedArchive) findOnTape(ctx context.Context, name string) error {
	t.inv.note("the catalog knows no archive %q on %s: looking on the tape", name, t.label.Volume)
	res, err := archive.Scan(ctx, t.drive, func(f archive.Found) error {
		if f.Manifest.Name == name {
			t.file, t.manifest = f.Manifest.File, &f.Manifest
		}
		return nil
	})
	if err == nil && t.manifest == nil && len(res.Locked) > 0 {
		return lockedError(t.label.Volume, res.Locked)
	}
	if err == nil && t.manifest == nil {
		err = errcode.New(errcode.ArchiveNotFound, t.label.Volume, "neither the catalog nor the tape has an archive named %q", name)
	}
	return err
}

// options are those that read and verify share.
func (t *openedArchive) options(bar *progress, phase string) archive.ReadOptions {
	o := archive.ReadOptions{BufferBytes: t.inv.size("buffer"), Watermarks: t.drive.watermarks(), MemberSpool: t.inv.places.StateDir,
		Progress: archiveProgress(bar, phase)}
	if t.hasMemberList() {
		o.MemberList = func() (io.ReadCloser, error) { return t.store.OpenMembers(t.entry) }
	}
	return o
}

// hasMemberList tells whether the catalog has the list of the archive's members, whole: files are held
// against it, and damage of the list must not count as damage of the tape, which has the list too.
func (t *openedArchive) hasMemberList() bool {
	if t.entry == nil || t.entry.MembersSHA256 == "" {
		return false
	}
	list, err := t.store.OpenMembers(t.entry)
	if err == nil {
		_, err = io.Copy(io.Discard, list)
		err = errors.Join(err, list.Close())
	}
	if err != nil {
		t.inv.warn("the member list in the catalog cannot be used, so that on the tape is: %v", err)
	}
	return err == nil
}

func (t *openedArchive) read(ctx context.Context) error {
	inv := t.inv
	bar := inv.progress()
	o := t.options(bar, "reading")
	o.Dest, o.Members, o.DryRun, o.KeepDamaged = inv.str("directory"), inv.argList("MEMBER"), inv.dryRun, inv.flag("keep-damaged")
	o.NumericOwner = inv.flag("numeric-owner")
	if o.Dest != "" {
		dest, err := filepath.Abs(o.Dest)
		if err != nil {
			return err
		}
		o.Dest = dest
	}
	if inv.flag("stdout") {
		o.Stdout = inv.Out
	}
	if err := t.needKey(ctx, o); err != nil {
		return err
	}
	doc := readDoc{Drive: t.drive.name, Volume: t.label.Volume, Destination: orNull(o.Dest), DryRun: inv.dryRun}
	o.OnMember = func(m pax.Member) error {
		if inv.dryRun {
			doc.Listed = append(doc.Listed, newMemberDoc(m))
		} else {
			inv.detail("restored %s", m.Path)
		}
		return nil
	}
	res, err := archive.Read(ctx, t.drive, t.manifest, t.file, o)
	bar.finish()
	if res == nil {
		return err
	}
	inv.sayProblems(res.Problems)
	doc.fill(res)
	if inv.flag("stdout") || err != nil && res.Bytes == 0 && res.Members == 0 {
		return err
	}
	return errors.Join(err, inv.emit(doc, func(p *page) { p.restored(doc) }))
}

func (doc *readDoc) fill(res *archive.ReadResult) {
	if res.Manifest != nil {
		a := newArchiveDoc(*res.Manifest, 0)
		doc.Archive = &a
	}
	doc.Bytes, doc.Members, doc.Verified, doc.Seconds = res.Bytes, res.Members, res.Verified, res.Duration.Seconds()
	doc.Problems = newProblemDocs(res.Problems)
}

func (p *page) restored(doc readDoc) {
	if doc.DryRun {
		p.members(doc.Listed)
		return
	}
	verified := "verified"
	if !doc.Verified {
		verified = "NOT verified"
	}
	p.line("restored %s from %s in %.1f s, %s", counted(doc.Members, "member"), bytesText(doc.Bytes), doc.Seconds, verified)
}

func (p *page) members(list []memberDoc) {
	t := newTable("mode", ">owner", ">size", "modified", "path")
	for _, m := range list {
		path := m.Path
		if m.Link != nil {
			path += " -> " + *m.Link
		}
		t.row(modeText(m), fmt.Sprintf("%d/%d", m.UID, m.GID), m.SizeBytes, m.MTime[:19]+"Z", path)
	}
	p.table(t, "no members")
}

// modeText is the type and mode as ls shows them, the mode in octal.
func modeText(m memberDoc) string {
	letters := map[string]string{"file": "-", "dir": "d", "symlink": "l", "hardlink": "h", "char": "c", "block": "b", "fifo": "p"}
	return letters[m.Type] + m.Mode
}
