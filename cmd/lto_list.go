package cmd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"calypso/sys/errcode"
	"calypso/tape/archive"
	"calypso/tape/archive/pax"
	"calypso/tape/catalog"
	"calypso/tape/label"
)

const timeNano = "2006-01-02T15:04:05.999999999Z"

// validText is text for JSON and tables; what is not UTF-8 in it is replaced.
func validText(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// hexTwin is the exact bytes of a name that validText had to change.
func hexTwin(s string) *string {
	if utf8.ValidString(s) {
		return nil
	}
	h := hex.EncodeToString([]byte(s))
	return &h
}

func ltoListCommand() *command {
	return driveVerb(&command{
		Name: "list", Summary: "list the archives of the cartridge, or the members of one",
		Description: "Lists what the catalog knows of the cartridge in the drive, which moves no tape. --from-tape reads the tape itself and changes nothing; 'calypso lto scan' does that and keeps what it found.",
		Flags: []flag{
			boolFlag("from-tape", "read the tape in place of the catalog"),
			boolFlag("members", "list the members of the archive of --file"),
			intFlag("file", "N", "only the archive in this tape file"),
		},
		Examples: []example{
			{"calypso lto list -f vtl01:0", "what is on the tape"},
			{"calypso lto list -f vtl01:0 --file 1 --members", "what is in an archive"},
			{"calypso lto list -f vtl01:0 --json | jq -r '.archives[].name'", "the names of the archives"},
		},
		Exits: []errcode.Exit{errcode.ExitPartial, errcode.ExitMismatch},
		Run:   runLTOList,
	}, unlockFlags()...)
}

// listDoc is `calypso lto list --json`.
type listDoc struct {
	Drive      string          `json:"drive"`
	Volume     string          `json:"volume"`
	UUID       string          `json:"uuid"`
	Source     string          `json:"source"`
	Archives   []archiveDoc    `json:"archives"`
	Incomplete []unfinishedDoc `json:"incomplete"`
	Damaged    []damagedDoc    `json:"damaged"`
	Members    []memberDoc     `json:"members"`
	Locked     []lockedDoc     `json:"encrypted_unread"`
}

// damagedDoc is a tape file that could not be understood.
type damagedDoc struct {
	File  int64         `json:"file"`
	Error *itemErrorDoc `json:"error"`
}

func runLTOList(ctx context.Context, inv *invocation) error {
	switch {
	case inv.flag("members") && !inv.isSet("file"):
		return usageErrorf("--members wants --file N with it")
	case inv.flag("members") && inv.flag("from-tape"):
		return usageErrorf("--members reads the catalog: 'calypso lto read --dry-run' lists from the tape")
	case inv.flag("from-tape"):
		return inv.listFromTape(ctx)
	}
	return inv.listFromCatalog(ctx)
}

// listFromCatalog looks at the cartridge memory for which cartridge it is; the tape does not move and
// the lock is not taken.
func (inv *invocation) listFromCatalog(ctx context.Context) (err error) {
	d, _, err := inv.observeDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	if err := d.notLoaded(d.WaitReady(ctx)); err != nil {
		return err
	}
	m, err := d.Medium(ctx)
	if err != nil {
		return err
	}
	if m.Barcode == "" {
		return errcode.New(errcode.MediaNotFound, d.name, "the cartridge has no barcode in its memory").WithHint("read the tape with --from-tape")
	}
	store := inv.catalog()
	c, err := store.Get(m.Barcode)
	if err != nil {
		return err
	}
	list, err := store.Archives(m.Barcode)
	if err != nil {
		return err
	}
	doc := listDoc{Drive: d.name, Volume: c.Volume, UUID: c.UUID, Source: "catalog"}
	doc.add(list)
	if w := announced(c, list); w != nil {
		doc.Incomplete = append(doc.Incomplete, newUnfinishedDoc(w.File, w.Name, w.Started, "being written, or its writer died"))
	}
	if inv.isSet("file") {
		if err := doc.only(inv.integer("file")); err != nil {
			return err
		}
	}
	if inv.flag("members") {
		if err := doc.readMembers(ctx, store, list, inv.integer("file")); err != nil {
			return err
		}
		return inv.emit(doc, func(p *page) { p.members(doc.Members) })
	}
	return inv.emit(doc, func(p *page) { p.archives(doc) })
}

func (doc *listDoc) add(list []catalog.Archive) {
	for _, a := range list {
		doc.Archives = append(doc.Archives, newArchiveDoc(a.Manifest, a.ManifestFile))
		if !a.Complete {
			doc.Incomplete = append(doc.Incomplete, newUnfinishedDoc(a.File, a.Name, a.Started, a.Reason))
		}
	}
}

// only leaves one archive.
func (doc *listDoc) only(file int64) error {
	for _, a := range doc.Archives {
		if a.File == file {
			doc.Archives = []archiveDoc{a}
			return nil
		}
	}
	return errcode.New(errcode.ArchiveNotFound, doc.Volume, "no archive in tape file %d", file)
}

func (doc *listDoc) readMembers(ctx context.Context, store *catalog.Store, list []catalog.Archive, file int64) error {
	i := slices.IndexFunc(list, func(a catalog.Archive) bool { return a.File == file })
	return store.Members(ctx, &list[i], func(m *pax.Member) error {
		doc.Members = append(doc.Members, newMemberDoc(*m))
		return nil
	})
}

func (p *page) archives(doc listDoc) {
	t := newTable(">file", "name", "kind", ">bytes", ">members", "finished", "state", "SHA-256")
	for _, a := range doc.Archives {
		state := "complete"
		switch {
		case !a.Complete:
			state = "INCOMPLETE"
		case a.SourceErrors > 0:
			state = "source errors"
		}
		t.row(a.File, a.Name, a.Kind, a.SizeBytes, a.Members, a.Finished, state, shortSum(a.SHA256))
	}
	p.table(t, "no archives on "+doc.Volume)
	p.encrypted(doc)
	for _, u := range doc.Incomplete {
		p.line("%s", u)
	}
	for _, d := range doc.Damaged {
		p.line("damaged: file %d: %s", d.File, d.Error.Message)
	}
}

// shortSum is enough of a checksum to tell archives apart within 80 columns; --json has all of it.
func shortSum(sum *string) string {
	if sum == nil || len(*sum) < 12 {
		return ""
	}
	return (*sum)[:12]
}

// listFromTape reads the manifests on the tape.
func (inv *invocation) listFromTape(ctx context.Context) (err error) {
	d, m, err := inv.loadedDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	if _, err := variableAndLabelled(ctx, d, m); err != nil {
		return err
	}
	s := &scan{}
	err = s.run(ctx, d, nil)
	if s.label == nil {
		return err
	}
	doc := s.doc(d.name)
	if inv.isSet("file") {
		if e := doc.only(inv.integer("file")); e != nil {
			return errors.Join(err, e)
		}
	}
	return errors.Join(err, s.verdict(), inv.emit(doc, func(p *page) { p.archives(doc) }))
}

// scan is what a tape tells of itself.
type scan struct {
	label    *label.Label
	archives []catalog.Archive
	torn     []archive.TornFile
	damaged  []archive.DamagedFile
	locked   []archive.LockedFile
	writing  *catalog.InFlight // announced in the catalog, and locked on the tape
}

// run scans the tape; keep is handed each archive with its member list.
func (s *scan) run(ctx context.Context, d *drive, keep func(catalog.Archive, io.Reader) error) error {
	res, err := archive.Scan(ctx, d, func(f archive.Found) error {
		a := catalog.Archive{Manifest: f.Manifest, ManifestFile: f.ManifestFile}
		if n := len(s.archives); n > 0 && s.archives[n-1].File == a.File {
			s.archives = s.archives[:n-1]
		}
		s.archives = append(s.archives, a)
		if keep == nil {
			return nil
		}
		return keep(a, f.Members)
	})
	if res != nil {
		s.label, s.torn, s.damaged, s.locked = res.Label, res.Torn, res.Damaged, res.Locked
	}
	return err
}

func (s *scan) doc(drive string) listDoc {
	doc := listDoc{Drive: drive, Volume: s.label.Volume, UUID: s.label.UUID, Source: "tape"}
	doc.add(s.archives)
	for _, f := range s.torn {
		why := "it has no manifest: its writer died"
		if s.isDamaged(f.File + 1) {
			why = fmt.Sprintf("what follows it, tape file %d, is damaged", f.File+1)
		}
		doc.Incomplete = append(doc.Incomplete, newUnfinishedDoc(f.File, "", time.Time{}, why))
	}
	for _, f := range s.damaged {
		doc.Damaged = append(doc.Damaged, damagedDoc{f.File, newItemErrorDoc(f.Err)})
	}
	for _, f := range s.locked {
		doc.Locked = append(doc.Locked, lockedDoc{f.File, orNull(f.KeyID), newItemErrorDoc(f.Err)})
	}
	return doc
}

// verdict is an error when the tape is not as it should be.
func (s *scan) verdict() error {
	if len(s.damaged) > 0 {
		return errcode.New(errcode.Partial, s.label.Volume, "%s could not be understood", counted(len(s.damaged), "tape file"))
	}
	return nil
}

func ltoScanCommand() *command {
	return driveVerb(&command{
		Name: "scan", Summary: "rebuild the catalog of the cartridge from the tape alone",
		Description: "Reads the label and every manifest, and replaces what the catalog knows of the cartridge. The data of the archives is passed over. Use it for a tape from elsewhere, or when the state directory was lost.\n\nOf an encrypted archive whose key is not at hand, the id of the key is said, what the catalog had stays, and the status is 3 when it had nothing. Where a manifest is damaged, what the catalog had of its archive stays too, and the status is 3.",
		Examples:    []example{{"calypso lto scan -f vtl01:0", "rebuild the catalog of this tape"}},
		Exits:       []errcode.Exit{errcode.ExitPartial, errcode.ExitMismatch},
		Mutates:     true,
		Run:         runLTOScan,
	}, unlockFlags()...)
}

func runLTOScan(ctx context.Context, inv *invocation) (err error) {
	d, m, err := inv.loadedDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	l, err := variableAndLabelled(ctx, d, m)
	if err != nil {
		return err
	}
	s, err := inv.scanInto(ctx, d, inv.newCartridge(d, m, l))
	if s.label == nil {
		return err
	}
	doc := s.doc(d.name)
	return errors.Join(err, s.verdict(), s.unread(), inv.emit(doc, func(p *page) { p.archives(doc) }))
}

// scanInto scans the tape and, without --dry-run, replaces the catalog of the cartridge. A scan that
// broke off replaces nothing.
func (inv *invocation) scanInto(ctx context.Context, d *drive, c catalog.Cartridge) (*scan, error) {
	s := &scan{}
	if inv.dryRun {
		return s, errors.Join(s.run(ctx, d, nil), s.keepUnread(inv.catalog(), c, nil))
	}
	rebuild, err := inv.catalog().Rebuild(c.Volume)
	if err != nil {
		return s, err
	}
	defer rebuild.Discard()
	if err := s.run(ctx, d, rebuild.Add); err != nil {
		return s, err
	}
	if err := s.keepUnread(inv.catalog(), c, rebuild.Add); err != nil {
		return s, err
	}
	if c.Writing, err = s.announce(inv.catalog(), c); err != nil {
		return s, err
	}
	c.Locked = s.neededKeys()
	return s, rebuild.Commit(ctx, c)
}

// announce is what the catalog shall say of an archive at the end of the tape that has no manifest: what
// its writer announced, if that is known.
func (s *scan) announce(store *catalog.Store, c catalog.Cartridge) (*catalog.InFlight, error) {
	if len(s.torn) == 0 {
		return s.writing, nil
	}
	file := s.torn[len(s.torn)-1].File
	if n := len(s.archives); n > 0 && s.archives[n-1].File > file {
		return nil, nil // it has been closed, and its manifest was damaged since
	}
	old, err := store.Get(c.Volume)
	switch {
	case errcode.Of(err) == errcode.MediaNotFound:
	case err != nil:
		return nil, err
	case old.UUID == c.UUID && old.Writing != nil && old.Writing.File == file:
		return old.Writing, nil
	}
	if a, err := store.Archive(c.Volume, file); err == nil && a.VolumeUUID == c.UUID && !a.Complete {
		return &catalog.InFlight{File: file, Name: a.Name, Started: a.Started, Host: a.Host}, nil
	}
	return &catalog.InFlight{File: file}, nil
}
