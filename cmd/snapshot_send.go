package cmd

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
	"calypso/sys/state"
	"calypso/tape/archive"
	"calypso/zfs/dataset"
)

func snapshotSendCommand() *command {
	return &command{
		Name: "send", Summary: "send a snapshot into a pipe, a file or onto a tape",
		Description: `Makes a stream of a snapshot with 'zfs send': large blocks, embedded data and compressed blocks as they are on the disk. It goes to standard output, into a new file, or as an archive onto the tape in a drive (with its manifest and SHA-256, as 'calypso lto write' makes it).

With --from it is incremental: from a snapshot or bookmark that the receiver has. --replicate takes properties, snapshots and everything below the dataset along. A stream that was cut off is never a success: a file does not get its name, an archive is marked incomplete.

A receiver that kept a part of a stream tells a token; --resume goes on from there.`,
		Args: []arg{{Name: "SNAPSHOT", Usage: "DATASET@NAME", Optional: true}},
		Flags: append([]flag{
			stringFlag("from", "SNAPSHOT", "the snapshot (@NAME) or bookmark that the receiver has").Short("i"),
			boolFlag("intermediates", "with all snapshots between --from and this one"),
			boolFlag("replicate", "with properties, snapshots and all that is below").Short("R"),
			boolFlag("raw", "encrypted data as it is on the disk: the receiver needs no key").Short("w"),
			stringFlag("resume", "TOKEN", "go on with a stream of which a receiver kept a part"),
			stringFlag("output", "FILE", "write it into this new file").Files(),
			stringFlag("to-tape", "DEVICE", "append it to the tape in this drive: LIBRARY:N, a node or a serial number"),
			stringFlag("name", "NAME", "name of the archive on tape; without it that of the snapshot"),
			sizeFlag("buffer", "memory between the pool and the drive").Default("256MiB").Setting("buffer"),
			stringFlag("key", "NAME", "let the drive encrypt with this key of the key store: its name or id"),
		}, unlockFlags()...),
		Examples: []example{
			{"calypso snapshot send tank/a@x --to-tape vtl01:0", "onto a tape"},
			{"calypso snapshot send tank/a@y --from @x --output /backup/a-x-y.zfs", "what changed since @x, into a file"},
			{"calypso snapshot send tank/a@x | ssh other calypso snapshot receive pool/a", "to another host"},
		},
		Exits:   append([]errcode.Exit{errcode.ExitPartial, errcode.ExitRefused, errcode.ExitMismatch, errcode.ExitNoSpace}, zfsExits...),
		Mutates: true,
		Run:     runSnapshotSend,
	}
}

// sentDoc is `calypso snapshot send --json`.
type sentDoc struct {
	Snapshots     []string     `json:"snapshots"`
	EstimateBytes *int64       `json:"estimate_bytes"`
	Bytes         *int64       `json:"bytes"`
	SHA256        *string      `json:"sha256"`
	File          *string      `json:"file"`
	Drive         *string      `json:"drive"`
	Volume        *string      `json:"volume"`
	Archive       *archiveDoc  `json:"archive"`
	Planned       *plannedDoc  `json:"planned"`
	Closed        []archiveDoc `json:"closed_unfinished"`
	Seconds       *float64     `json:"duration_seconds"`
}

func runSnapshotSend(ctx context.Context, inv *invocation) error {
	o, err := inv.wantedStream()
	if err != nil {
		return err
	}
	store := inv.datasets()
	e, err := store.EstimateSend(ctx, o)
	if err != nil {
		return err
	}
	doc := sentDoc{Snapshots: e.Snapshots, EstimateBytes: known(e.Bytes)}
	switch {
	case inv.isSet("to-tape"):
		return inv.sendToTape(ctx, store, o, doc)
	case inv.isSet("output"):
		return inv.sendToFile(ctx, store, o, doc)
	case inv.dryRun:
		return inv.emitSent(doc)
	}
	_, _, err = inv.copyStream(ctx, store, o, inv.Out, doc.EstimateBytes)
	return err
}

// wantedStream is what the command line asks to send.
func (inv *invocation) wantedStream() (dataset.Send, error) {
	o := dataset.Send{Snapshot: inv.arg("SNAPSHOT"), From: inv.str("from"), Intermediates: inv.flag("intermediates"),
		Replicate: inv.flag("replicate"), Raw: inv.flag("raw"), Resume: inv.str("resume")}
	if o.Snapshot == "" && o.Resume == "" {
		return o, usageErrorf("name a snapshot, or a token with --resume")
	}
	if o.Resume != "" && inv.isSet("to-tape") && !inv.isSet("name") {
		return o, usageErrorf("the rest of a stream is no backup by itself: name it with --name")
	}
	return o, inv.checkSendTarget()
}

// checkSendTarget makes sure that there is one place for the stream to go.
func (inv *invocation) checkSendTarget() error {
	file, onTape := inv.isSet("output"), inv.isSet("to-tape")
	switch {
	case file && onTape:
		return usageErrorf("want either --output or --to-tape")
	case !onTape && (inv.isSet("name") || inv.isSet("key")):
		return usageErrorf("--name and --key are for --to-tape")
	case file || onTape || inv.dryRun:
		return nil
	case inv.json:
		return usageErrorf("the stream itself goes to standard output: --json wants --output or --to-tape")
	case inv.OutTTY:
		return usageErrorf("a stream is not written to a terminal").WithHint("send it into a file or a program, or use --output or --to-tape")
	}
	return nil
}

// sendToFile writes a stream into a file that gets its name when it is whole.
func (inv *invocation) sendToFile(ctx context.Context, store dataset.Store, o dataset.Send, doc sentDoc) error {
	path := inv.str("output")
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errcode.New(errcode.DestinationInvalid, path, "%w; nothing was touched", cmp.Or(pathCause(err), fs.ErrExist)).
			WithHint("name a file that does not exist")
	}
	if inv.dryRun {
		return inv.emitSent(doc)
	}
	part, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		e := errcode.New(errcode.DestinationInvalid, path+".part", "%w", pathCause(err))
		if errors.Is(err, fs.ErrExist) {
			e.WithHint("another run is writing it, or one that was killed left it: remove it then")
		}
		return e
	}
	began := time.Now()
	sum, n, err := inv.copyStream(ctx, store, o, part, doc.EstimateBytes)
	if err = errors.Join(err, part.Sync(), part.Close()); err == nil {
		err = rename(part.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(part.Name()))
		return errcode.New(errcode.Of(err), path, "%w", err).WithState("the file was not made")
	}
	seconds := time.Since(began).Seconds()
	doc.Bytes, doc.SHA256, doc.File, doc.Seconds = &n, &sum, &path, &seconds
	return errors.Join(state.SyncDir(filepath.Dir(path)), inv.emitSent(doc))
}

// rename gives a file its name and replaces nothing that has come meanwhile. Some file systems (NFS) only know
// links for that, some (FAT) have no links.
func rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	return errors.Join(os.Link(from, to), os.Remove(from))
}

// copyStream sends a stream to a writer and tells its SHA-256 and its length.
func (inv *invocation) copyStream(ctx context.Context, store dataset.Store, o dataset.Send, to io.Writer, total *int64) (sum string, n int64, err error) {
	stream, err := store.OpenStream(ctx, o)
	if err != nil {
		return "", 0, err
	}
	defer closeInto(&err, stream)
	bar := inv.progress()
	defer bar.finish()
	expected := int64(-1)
	if total != nil {
		expected = *total
	}
	c := pump(ctx, stream, to, func(n int64) {
		bar.update(progressStep{Done: n, Total: expected, Phase: "sending", Current: o.Snapshot, Fill: -1})
	})
	return c.sum, c.n, c.err
}

// pumped is what was copied: its SHA-256 when it is all, and its length.
type pumped struct {
	sum string
	n   int64
	err error
}

// pump copies a stream. A writer that hangs, such as a pipe that nobody reads, is left behind when ctx ends.
func pump(ctx context.Context, from io.Reader, to io.Writer, tell func(int64)) pumped {
	ended := make(chan pumped, 1)
	go func() { ended <- copyAll(from, to, tell) }()
	select {
	case c := <-ended:
		return c
	case <-ctx.Done():
	}
	select {
	case c := <-ended:
		return c
	case <-time.After(answerGrace):
		return pumped{err: context.Cause(ctx)}
	}
}

func copyAll(from io.Reader, to io.Writer, tell func(int64)) (c pumped) {
	hash := sha256.New()
	both := io.MultiWriter(to, hash)
	for buf := make([]byte, 1<<20); ; {
		got, err := from.Read(buf)
		if _, c.err = both.Write(buf[:got]); c.err != nil {
			return c
		}
		c.n += int64(got)
		tell(c.n)
		if errors.Is(err, io.EOF) {
			c.sum = hex.EncodeToString(hash.Sum(nil))
			return c
		}
		if c.err = err; err != nil {
			return c
		}
	}
}

func (inv *invocation) emitSent(doc sentDoc) error {
	return inv.emit(doc, func(p *page) {
		for _, s := range doc.Snapshots {
			p.line("%s %s", inv.done("sent", "send"), s)
		}
		if doc.File != nil {
			p.pairs("file", *doc.File, "bytes", *doc.Bytes, "SHA-256", *doc.SHA256)
			return
		}
		p.line("about %s", cell(spaceCell(doc.EstimateBytes)))
	})
}

// sendToTape appends a stream to a tape, as an archive.
func (inv *invocation) sendToTape(ctx context.Context, store dataset.Store, o dataset.Send, doc sentDoc) (err error) {
	inv.deviceName = inv.str("to-tape")
	src := archive.Source{Name: cmp.Or(inv.str("name"), o.Snapshot), Kind: archive.KindStream}
	if err := archive.CheckName(src.Name); err != nil {
		return err
	}
	if !inv.dryRun {
		stream, err := store.OpenStream(ctx, o)
		if err != nil {
			return err
		}
		defer closeInto(&err, stream)
		src.Stream = stream
	}
	job := tapeJob{source: src}
	if doc.EstimateBytes != nil {
		job.total = *doc.EstimateBytes
	}
	job.show = func(w writeDoc) error {
		doc.Drive, doc.Volume, doc.Archive, doc.Planned, doc.Closed = &w.Drive, &w.Volume, w.Archive, w.Planned, w.Closed
		if a := w.Archive; a != nil {
			doc.Bytes, doc.SHA256, doc.Seconds = &a.SizeBytes, a.SHA256, &w.Seconds
		}
		return inv.emit(doc, func(p *page) { p.written(w) })
	}
	return inv.writeToTape(ctx, job)
}
