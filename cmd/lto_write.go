package cmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/archive"
	"calypso/tape/archive/pax"
	"calypso/tape/catalog"
	"calypso/tape/label"
)

func ltoWriteCommand() *command {
	return driveVerb(&command{
		Name: "write", Summary: "append an archive to a tape",
		Description: `Appends files and directories as a POSIX pax tar, or standard input ("-") as it is, behind all that is on the tape. The archive is followed by its manifest with the SHA-256; the answer says its tape file number.

A file that cannot be read, vanishes or changes while it is read is named, everything else is written, and the status is 3: the archive is whole. When the tape ends, or on SIGINT or SIGTERM, the archive is closed and marked incomplete; earlier ones are not touched.

In a pipe, the failure of the program before it cannot be seen from here: use the shell's pipefail. An empty stream is refused.

Patterns match the path of a member or the last part of it; '*' stops at '/', '**' does not.

With --key the drive encrypts the archive and its manifest with AES-256-GCM. The id of the key is beside every block; the label stays in clear. When the command ends, for whatever reason, the drive has forgotten the key.`,
		Args: []arg{{Name: "SOURCE", Usage: "files and directories, or - for standard input", Optional: true, Repeated: true, Files: true}},
		Flags: []flag{
			stringFlag("name", "NAME", "name of the archive; without it that of the first source"),
			sizeFlag("buffer", "memory between the source and the drive").Default("256MiB").Setting("buffer"),
			stringsFlag("include", "PATTERN", "take only what matches"),
			stringsFlag("exclude", "PATTERN", "leave out what matches"),
			boolFlag("one-file-system", "stay on the file system of each source"),
			stringFlag("files-from", "FILE", "archive the names listed in FILE, one a line; - is standard input").Files(),
			boolFlag("null", "names in --files-from end with NUL, as find -print0 writes them").Short("0"),
			sizeFlag("size", "expected bytes of the stream, for the progress bar alone"),
			stringFlag("key", "NAME", "encrypt with this key of the key store: its name or id"),
		},
		Examples: []example{
			{"calypso lto write -f vtl01:0 --name src /usr/src/linux", "archive a tree"},
			{"zfs send tank@a | calypso lto write -f vtl01:0 --name tank-a -", "archive a stream"},
			{"calypso lto write -f vtl01:0 --key offsite /srv", "archive a tree, encrypted by the drive"},
			{"find . -mtime -1 -print0 | calypso lto write --name new --files-from - -0", "archive what find found"},
		},
		Exits:   []errcode.Exit{errcode.ExitPartial, errcode.ExitRefused, errcode.ExitMismatch, errcode.ExitNoSpace},
		Mutates: true,
		Run:     runLTOWrite,
	}, unlockFlags()...)
}

// writeDoc is `calypso lto write --json`.
type writeDoc struct {
	Drive        string       `json:"drive"`
	Volume       string       `json:"volume"`
	Archive      *archiveDoc  `json:"archive"`
	Planned      *plannedDoc  `json:"planned"`
	Seconds      float64      `json:"duration_seconds"`
	BytesPerSec  float64      `json:"bytes_per_second"`
	Stops        int          `json:"buffer_stops"`
	EarlyWarning bool         `json:"early_warning"`
	Closed       []archiveDoc `json:"closed_unfinished"`
	Problems     []problemDoc `json:"problems"`
}

// archiveDoc is one archive, as every listing shows it.
type archiveDoc struct {
	File           int64     `json:"file"`
	ManifestFile   *int64    `json:"manifest_file"`
	Name           string    `json:"name"`
	Kind           string    `json:"kind"`
	Complete       bool      `json:"complete"`
	Reason         *string   `json:"reason"`
	SizeBytes      int64     `json:"size_bytes"`
	Blocks         int64     `json:"blocks"`
	BlockSizeBytes int       `json:"block_size_bytes"`
	FirstBlock     int64     `json:"first_block"`
	SHA256         *string   `json:"sha256"`
	Members        int64     `json:"members"`
	SourceErrors   int64     `json:"source_errors"`
	Started        time.Time `json:"started"`
	Finished       time.Time `json:"finished"`
	Host           string    `json:"host"`
	Software       string    `json:"software"`
	KeyID          *string   `json:"key_id"`
}

func newArchiveDoc(m archive.Manifest, manifestFile int64) archiveDoc {
	d := archiveDoc{File: m.File, Name: m.Name, Kind: m.Kind, Complete: m.Complete, Reason: orNull(m.Reason), SizeBytes: m.SizeBytes,
		Blocks: m.Blocks, BlockSizeBytes: m.BlockSizeBytes, FirstBlock: m.FirstBlock, SHA256: orNull(m.SHA256), Members: m.Members,
		SourceErrors: m.SourceErrors, Started: m.Started, Finished: m.Finished, Host: m.Host, Software: m.Software, KeyID: orNull(m.KeyID)}
	if manifestFile > 0 {
		d.ManifestFile = &manifestFile
	}
	return d
}

// problemDoc is a file or member that was not archived or restored as it is.
type problemDoc struct {
	Path    string  `json:"path"`
	PathHex *string `json:"path_hex"`
	Kind    string  `json:"kind"`
	Message string  `json:"message"`
}

func newProblemDocs(list []pax.Problem) []problemDoc {
	docs := make([]problemDoc, 0, len(list))
	for _, p := range list {
		text := p.Kind
		if p.Err != nil {
			text = p.Err.Error()
		}
		docs = append(docs, problemDoc{validText(p.Path), hexTwin(p.Path), p.Kind, text})
	}
	return docs
}

// sayProblems names each file that was not archived or restored as it is.
func (inv *invocation) sayProblems(list []pax.Problem) {
	for _, p := range newProblemDocs(list) {
		inv.warn("%s: %s", p.Path, p.Message)
	}
}

func runLTOWrite(ctx context.Context, inv *invocation) error {
	src, err := inv.source()
	if err != nil {
		return err
	}
	return inv.writeToTape(ctx, tapeJob{source: src, stdin: src.Kind == archive.KindStream || inv.str("files-from") == "-",
		total: inv.size("size"), show: func(doc writeDoc) error { return inv.emit(doc, func(p *page) { p.written(doc) }) }})
}

// tapeJob is an archive to write.
type tapeJob struct {
	source archive.Source
	stdin  bool  // it comes from standard input
	total  int64 // expected bytes, for the progress bar alone; 0: not known
	show   func(writeDoc) error
}

// writeToTape appends one archive.
func (inv *invocation) writeToTape(ctx context.Context, job tapeJob) (err error) {
	k, err := inv.writeKey(ctx, job.stdin)
	if err != nil {
		return err
	}
	defer k.close()
	d, m, err := inv.loadedDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	if err := d.writable(m); err != nil {
		return err
	}
	if err := k.check(ctx, d); err != nil {
		return err
	}
	w := &tapeWrite{inv: inv, drive: d, medium: m, store: inv.catalog(), key: k, job: job}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	if inv.dryRun {
		return w.plan(ctx)
	}
	if err := w.run(ctx); err != nil {
		return err
	}
	inv.keepStatusOf(ctx, d)
	return nil
}

// tapeWrite is one archive on its way.
type tapeWrite struct {
	inv     *invocation
	drive   *drive
	medium  tape.Medium
	store   *catalog.Store
	label   label.Label
	torn    *archive.TornArchive
	key     *writeKey
	job     tapeJob
	lastEnd int64 // tape file of the last manifest as the catalog has it
	next    int64 // tape file of the next archive as the catalog has it
	unknown bool  // the catalog did not know the cartridge
	began   bool  // the archive is announced in the catalog
}

// prepare finds out whose tape it is and what the catalog knows of it.
func (w *tapeWrite) prepare(ctx context.Context) error {
	if err := w.drive.SetVariableBlock(ctx); err != nil {
		return err
	}
	l, err := ourLabel(ctx, w.drive, w.medium)
	if err != nil {
		return err
	}
	w.label = l
	c, err := w.store.Get(l.Volume)
	if errcode.Of(err) == errcode.MediaNotFound {
		// A lost catalog must not stop a backup: the tape itself tells where it ends.
		w.unknown = true
		return nil
	}
	if err != nil {
		return err
	}
	if c.UUID != l.UUID {
		return errcode.New(errcode.MediaCatalogMismatch, l.Volume, "the catalog describes the cartridge with UUID %s, this one has %s", c.UUID, l.UUID)
	}
	list, err := w.store.Archives(l.Volume)
	w.next = 1
	if n := len(list); n > 0 {
		w.lastEnd, w.next = list[n-1].ManifestFile, list[n-1].ManifestFile+1
		if w.lastEnd == 0 {
			w.next = list[n-1].File
		}
	}
	if f := announced(c, list); f != nil {
		w.torn = &archive.TornArchive{File: f.File, Name: f.Name, Host: f.Host, Started: f.Started}
	} else if n := len(list); n > 0 && list[n-1].ManifestFile == 0 {
		last := list[n-1].Manifest
		w.torn = &archive.TornArchive{File: last.File, Name: last.Name, Host: last.Host, Started: last.Started, Manifest: &last}
	}
	return err
}

// ourLabel reads the label and compares it with the barcode of the cartridge.
func ourLabel(ctx context.Context, d *drive, m tape.Medium) (label.Label, error) {
	found, err := label.Read(ctx, d)
	if err != nil {
		return label.Label{}, err
	}
	if found.Label == nil {
		return label.Label{}, notOurs(found, d.name, m.Barcode)
	}
	if m.Barcode != "" && found.Label.Volume != m.Barcode {
		return label.Label{}, errcode.New(errcode.MediaLabelMismatch, d.name, "the label on the tape says %s, the barcode of the cartridge is %s", found.Label.Volume, m.Barcode)
	}
	return *found.Label, nil
}

// notOurs refuses a tape without a label of calypso. The flag that the refusal of 'lto label' asks for
// would not help here.
func notOurs(found label.Found, drive, barcode string) error {
	err := found.Err(drive, barcode)
	var e *errcode.Error
	if errors.As(err, &e) && !found.Overwritable() {
		flag := commandLine(nil, []string{"--confirm=" + found.ConfirmName(barcode)})
		return e.WithHint("use another cartridge, or 'calypso lto label' with %s if its data may be destroyed", flag)
	}
	return err
}

// plannedDoc is what a dry run of lto write would append.
type plannedDoc struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	BehindFile int64  `json:"behind_file"`
}

// plan says what would be written and where.
func (w *tapeWrite) plan(ctx context.Context) error {
	pos, err := archive.EndOfData(ctx, w.drive, w.label.Volume)
	if err != nil {
		return err
	}
	src := w.job.source
	return w.job.show(writeDoc{Drive: w.drive.name, Volume: w.label.Volume, Planned: &plannedDoc{src.Name, src.Kind, pos.File - 1}})
}

func (w *tapeWrite) run(ctx context.Context) error {
	inv, src := w.inv, w.job.source
	if w.unknown {
		if err := w.store.Put(ctx, inv.newCartridge(w.drive, w.medium, w.label)); err != nil {
			return err
		}
		inv.warn("the catalog did not know %s; 'calypso lto scan -f %s' adds the archives it holds already", w.label.Volume, w.drive.name)
	}
	bar := inv.progress()
	res, err := archive.Write(ctx, w.drive, src, archive.WriteOptions{
		Volume: w.label.Volume, UUID: w.label.UUID, Barcode: w.medium.Barcode, Host: hostName(), Software: software(),
		KeyID: w.key.id(), KnownEnd: w.lastEnd, BeforeWrite: func(ctx context.Context) error { return w.key.set(ctx, w.drive) },
		EndRoom: w.endRoom(), BlockSize: w.label.BlockSize, BufferBytes: inv.size("buffer"), Watermarks: w.drive.watermarks(),
		MemberSpool: inv.places.StateDir, Torn: w.torn, TotalBytes: w.job.total, Progress: archiveProgress(bar, "writing"),
		OnStart: func(file, firstBlock int64) error {
			w.began = true
			w.follow(file, file)
			inv.detail("writing tape file %d from block %d on", file, firstBlock)
			_, err := w.store.Begin(ctx, w.label.Volume, catalog.InFlight{File: file, Name: src.Name, Started: time.Now().UTC().Truncate(time.Second), PID: os.Getpid(), Host: hostName(), KeyID: w.key.id()})
			return err
		},
		OnClosed: func(c archive.Closed, members *archive.MemberList) error {
			w.follow(c.Manifest.File, c.ManifestFile+1)
			return w.store.Add(context.WithoutCancel(ctx), w.label.Volume, catalog.Archive{Manifest: c.Manifest, ManifestFile: c.ManifestFile}, members.Reader())
		},
	})
	bar.finish()
	if res == nil {
		return errors.Join(nothingOf(src, nil, err), w.abort(context.WithoutCancel(ctx)))
	}
	defer res.Members.Close()
	err = errors.Join(nothingOf(src, res.Problems, err), w.record(context.WithoutCancel(ctx), res))
	inv.sayProblems(res.Problems)
	if e := w.emit(res); e != nil {
		return errors.Join(err, e)
	}
	if err == nil && len(res.Problems) > 0 && res.Manifest.SourceErrors > 0 {
		err = errcode.New(errcode.SourceFailed, src.Name, "not in the archive as on disk: %s", counted(res.Manifest.SourceErrors, "file")).
			WithState("the archive is file %d of %s and is intact", res.Manifest.File, w.label.Volume)
	}
	return err
}

// follow tells when an archive is not in the tape file where the catalog ends: one of the two is older than the
// other. The tape is right. next is the file behind it.
func (w *tapeWrite) follow(file, next int64) {
	scan := fmt.Sprintf("'calypso lto scan -f %s' makes it right", w.drive.name)
	switch {
	case w.unknown: // that is told already
	case file > w.next:
		w.inv.warn("%s holds archives from tape file %d on that the catalog does not know; %s", w.label.Volume, w.next, scan)
	case file < w.next:
		w.inv.warn("the catalog has archives in tape file %d or behind that %s does not hold any more; %s", file, w.label.Volume, scan)
	}
	w.next = next
}

// nothingOf gives the refusal of an empty source the reason and hint for its kind: files come from no
// pipe, and most often are not there.
func nothingOf(src archive.Source, problems []pax.Problem, err error) error {
	var e *errcode.Error
	if src.Kind == archive.KindTar && errcode.Of(err) == errcode.ArchiveEmpty && errors.As(err, &e) {
		missing := func(p pax.Problem) bool { return p.Kind == pax.KindNotFound }
		if len(problems) > 0 && !slices.ContainsFunc(problems, func(p pax.Problem) bool { return !missing(p) }) {
			return errcode.New(errcode.FileNotFound, src.Name, "none of the sources exists, so nothing was written")
		}
		return e.WithHint("check the names, --include and --exclude: nothing could be read or nothing matched")
	}
	return err
}

// endRoom is what may follow early warning on a tape made small: it gives early warning when a quarter is
// left, and half of that is enough to end an archive in order. 0 leaves it to the archive.
func (w *tapeWrite) endRoom() int64 {
	if c := w.medium.CapacityBytes; c > 0 && c < 64<<20 {
		return max(c/8, 1)
	}
	return 0
}

// record brings the catalog to what is on the tape now.
func (w *tapeWrite) record(ctx context.Context, res *archive.WriteResult) error {
	if res.Manifest.File == 0 {
		return w.abort(ctx)
	}
	return w.store.Finish(ctx, w.label.Volume, catalog.Archive{Manifest: res.Manifest, ManifestFile: res.ManifestFile}, res.Members.Reader())
}

// abort takes back what was announced: nothing of it is on the tape. What a dead writer announced stays.
func (w *tapeWrite) abort(ctx context.Context) error {
	if !w.began {
		return nil
	}
	return w.store.Abort(ctx, w.label.Volume)
}

func (w *tapeWrite) emit(res *archive.WriteResult) error {
	doc := writeDoc{Drive: w.drive.name, Volume: w.label.Volume, Seconds: res.Duration.Seconds(), BytesPerSec: res.Rate(),
		Stops: res.Stops, EarlyWarning: res.EarlyWarning, Problems: newProblemDocs(res.Problems)}
	if res.Manifest.File > 0 {
		a := newArchiveDoc(res.Manifest, res.ManifestFile)
		doc.Archive = &a
	}
	for _, c := range res.Closed {
		doc.Closed = append(doc.Closed, newArchiveDoc(c.Manifest, c.ManifestFile))
	}
	return w.job.show(doc)
}

func (p *page) written(doc writeDoc) {
	if plan := doc.Planned; plan != nil {
		p.line("would append %s archive %q to %s behind tape file %d", plan.Kind, plan.Name, doc.Volume, plan.BehindFile)
		return
	}
	for _, c := range doc.Closed {
		p.line("closed the unfinished archive in file %d first", c.File)
	}
	a := doc.Archive
	if a == nil {
		return
	}
	state := ""
	if !a.Complete {
		state = "  INCOMPLETE: " + cell(a.Reason)
	}
	p.pairs("volume", doc.Volume, "file", a.File, "name", a.Name+state, "bytes", a.SizeBytes, "members", a.Members,
		"SHA-256", a.SHA256, "key", keyText(a.KeyID), "rate", fmt.Sprintf("%s in %.1f s, %.0f MB/s", bytesText(a.SizeBytes), doc.Seconds, doc.BytesPerSec/1e6))
}

// source is what the command line asks to archive.
func (inv *invocation) source() (archive.Source, error) {
	args := inv.argList("SOURCE")
	src := archive.Source{Name: inv.str("name"), Kind: archive.KindTar}
	switch {
	case inv.isSet("files-from") && len(args) > 0:
		return src, usageErrorf("name sources either as arguments or with --files-from")
	case inv.isSet("files-from"):
		files, err := inv.readNames(inv.str("files-from"))
		if err != nil {
			return src, err
		}
		src.Selection.Files = files
	case len(args) == 0:
		return src, usageErrorf("nothing to write was named").WithHint("name files or directories, or - for standard input")
	case len(args) == 1 && args[0] == "-":
		src.Kind, src.Stream = archive.KindStream, inv.In
	default:
		src.Selection.Roots = args
	}
	src.Selection.Include, src.Selection.Exclude = inv.strs("include"), inv.strs("exclude")
	src.Selection.OneFileSystem = inv.flag("one-file-system")
	if src.Name == "" {
		name, err := defaultName(src.Kind, args)
		if err != nil {
			return src, err
		}
		src.Name = name
	}
	return src, archive.CheckName(src.Name)
}

// defaultName names an archive after its first source.
func defaultName(kind string, args []string) (string, error) {
	if kind == archive.KindStream || len(args) == 0 {
		return "", usageErrorf("name the archive with --name")
	}
	path, err := filepath.Abs(args[0])
	if err != nil {
		return "", err
	}
	if path == "/" {
		return "root", nil
	}
	return filepath.Base(path), nil
}

// readNames reads the list of --files-from.
func (inv *invocation) readNames(name string) ([]string, error) {
	in := inv.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usageErrorf("--files-from: %w", err)
		}
		defer f.Close()
		in = f
	}
	end := byte('\n')
	if inv.flag("null") {
		end = 0
	}
	var names []string
	r := bufio.NewReader(in)
	for {
		text, err := r.ReadBytes(end)
		if text = bytes.TrimSuffix(text, []byte{end}); len(text) > 0 {
			names = append(names, string(text))
		}
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, fmt.Errorf("--files-from %s: %w", name, err)
		}
	}
}

// archiveProgress shows a running pipeline on a progress bar.
func archiveProgress(bar *progress, verb string) func(archive.Progress) {
	return func(p archive.Progress) {
		phase := verb
		if p.Phase != archive.PhaseData {
			phase = p.Phase
		}
		bar.update(progressStep{Done: p.Bytes, Total: p.TotalBytes, Phase: phase, Current: p.Current, Fill: p.BufferFill})
	}
}
