package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"calypso/sys/errcode"
	"calypso/tape/archive"
	"calypso/tape/catalog"
)

func ltoVerifyCommand() *command {
	return driveVerb(&command{
		Name: "verify", Summary: "read archives and compare them with what was written",
		Description: "Reads one archive, or all of the tape, and compares size, blocks, SHA-256 and the manifest on the tape. Nothing is restored. An archive that differs gives status 17, one that was left incomplete status 3.",
		Flags: []flag{
			intFlag("file", "N", "tape file number of the archive; without it every archive"),
			sizeFlag("buffer", "memory between the drive and the check").Default("256MiB").Setting("buffer"),
		},
		Examples: []example{
			{"calypso lto verify -f vtl01:0", "verify the whole tape"},
			{"calypso lto verify -f vtl01:0 --file 3 --json", "verify one archive"},
		},
		Exits: []errcode.Exit{errcode.ExitPartial, errcode.ExitMismatch, errcode.ExitNoSpace},
		Run:   runLTOVerify,
	}, unlockFlags()...)
}

// verifyDoc is `calypso lto verify --json`.
type verifyDoc struct {
	Drive    string        `json:"drive"`
	Volume   string        `json:"volume"`
	Archives []verifiedDoc `json:"archives"`
}

type verifiedDoc struct {
	File        int64         `json:"file"`
	Name        *string       `json:"name"`
	OK          bool          `json:"ok"`
	Bytes       int64         `json:"bytes"`
	SHA256      *string       `json:"sha256"`
	BytesPerSec float64       `json:"bytes_per_second"`
	Error       *itemErrorDoc `json:"error"`
}

// itemErrorDoc is what is wrong with one item of many.
type itemErrorDoc struct {
	Code     string `json:"code"`
	ExitCode int    `json:"exit_code"`
	Message  string `json:"message"`
}

func newItemErrorDoc(err error) *itemErrorDoc {
	if err == nil {
		return nil
	}
	return &itemErrorDoc{string(errcode.Of(err)), int(errcode.ExitOf(err)), err.Error()}
}

func runLTOVerify(ctx context.Context, inv *invocation) (err error) {
	if inv.integer("file") < 0 {
		return usageErrorf("--file: %d is less than 0", inv.integer("file"))
	}
	t, err := inv.openTape(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, t.drive)
	list, unread := t.toVerify(ctx)
	if unread != nil && (len(list) == 0 || ctx.Err() != nil || lostDrive(unread)) {
		return unread
	}
	doc := verifyDoc{Drive: t.drive.name, Volume: t.label.Volume}
	var worst error
	for _, a := range list {
		v, err := t.verify(ctx, a)
		doc.Archives = append(doc.Archives, v)
		worst = worse(worst, err)
		if ctx.Err() != nil || lostDrive(err) {
			break
		}
	}
	worst = worse(worst, unread)
	if inv.isSet("file") && errcode.ExitOf(worst) == errcode.ExitNotFound {
		return worst // there is nothing to list
	}
	return errors.Join(worst, inv.emit(doc, func(p *page) { p.verified(doc) }))
}

// toVerify lists the archives asked for: that of --file, else all that the catalog or the tape has. The
// tape is always asked: a catalog that knows half of it would pass half a check off as a whole one. With
// an error the list is what is known nevertheless.
func (t *openedArchive) toVerify(ctx context.Context) ([]catalog.Archive, error) {
	list, err := t.known()
	if err != nil {
		return nil, err
	}
	if t.inv.isSet("file") {
		file := t.inv.integer("file")
		if i := slices.IndexFunc(list, func(a catalog.Archive) bool { return a.File == file }); i >= 0 {
			return list[i : i+1], nil
		}
		return []catalog.Archive{numbered(file)}, nil
	}
	s := &scan{}
	err = s.run(ctx, t.drive, nil)
	return s.complete(list), err
}

// numbered is an archive of which nothing but its place is known.
func numbered(file int64) catalog.Archive {
	return catalog.Archive{Manifest: archive.Manifest{File: file}}
}

// complete adds to the archives of the catalog those that only the tape has, in the order of the tape.
func (s *scan) complete(list []catalog.Archive) []catalog.Archive {
	list = slices.Clone(list)
	seen := map[int64]bool{}
	for _, a := range list {
		seen[a.File], seen[a.ManifestFile] = true, true
	}
	add := func(a catalog.Archive) {
		if !seen[a.File] {
			list = append(list, a)
		}
		seen[a.File], seen[a.ManifestFile] = true, true
	}
	for _, a := range s.archives {
		add(a)
	}
	for _, f := range s.torn {
		add(numbered(f.File))
	}
	for _, f := range s.damaged {
		add(numbered(f.File))
	}
	for _, f := range s.locked {
		add(numbered(f.File))
	}
	slices.SortFunc(list, func(a, b catalog.Archive) int { return cmp.Compare(a.File, b.File) })
	return list
}

func (t *openedArchive) verify(ctx context.Context, a catalog.Archive) (verifiedDoc, error) {
	t.file, t.manifest = a.File, &a.Manifest
	if a.Kind == "" { // known by its number alone
		t.manifest = nil
	}
	bar := t.inv.progress()
	res, err := archive.Verify(ctx, t.drive, t.file, t.manifest, t.options(bar, fmt.Sprintf("verifying file %d", t.file)))
	bar.finish()
	v := verifiedDoc{File: a.File, Name: orNull(a.Name), OK: err == nil, Error: newItemErrorDoc(err)}
	if res != nil {
		v.Bytes, v.BytesPerSec = res.Bytes, res.Rate()
		if res.Bytes > 0 {
			v.SHA256 = orNull(res.SHA256)
		}
		if res.Manifest != nil {
			v.Name = orNull(res.Manifest.Name)
		}
	}
	return v, err
}

// worse keeps the error that says most: damage over what was left incomplete.
func worse(a, b error) error {
	if a == nil || b != nil && errcode.ExitOf(a) == errcode.ExitPartial {
		return b
	}
	return a
}

// lostDrive says that trying the next archive makes no sense.
func lostDrive(err error) bool {
	switch errcode.Of(err) {
	case errcode.DeviceUnknown, errcode.DeviceError, errcode.TapePosition, errcode.DriveEmpty, errcode.TapeNotReady:
		return true
	}
	return false
}

func (p *page) verified(doc verifyDoc) {
	t := newTable(">file", "name", "result", ">bytes", ">MB/s", "SHA-256")
	for _, a := range doc.Archives {
		result := "ok"
		if a.Error != nil {
			result = a.Error.Code
		}
		t.row(a.File, a.Name, result, a.Bytes, fmt.Sprintf("%.0f", a.BytesPerSec/1e6), shortSum(a.SHA256))
	}
	p.table(t, "no archives on "+doc.Volume)
}
