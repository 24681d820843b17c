package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"calypso/sys/errcode"
	"calypso/tape/archive"
	"calypso/zfs"
	"calypso/zfs/dataset"
)

func snapshotReceiveCommand() *command {
	return &command{
		Name: "receive", Summary: "receive a snapshot from a pipe, a file or a tape",
		Description: `Receives a stream of 'zfs send' into a dataset: from standard input, a file, or an archive on the tape in a drive. A full stream makes the dataset; an incremental one wants the snapshot that it goes on from. What is no stream is refused before zfs sees it, and at the end the snapshot is compared with what the stream said.

The dataset is not mounted and does not take the sender's mount point, which may be one that is in use here; --mount does both.

When a stream breaks off, what came is kept; the message has the token with which the sender goes on. --abort forgets what was kept.

--force destroys what is in the dataset and not in the stream; it wants --confirm DATASET.`,
		Args: []arg{{Name: "DATASET", Usage: "where it goes"}},
		Flags: append([]flag{
			stringFlag("input", "FILE", "read the stream from this file").Files(),
			stringFlag("from-tape", "DEVICE", "read it from the tape in this drive: LIBRARY:N, a node or a serial number"),
			intFlag("file", "N", "tape file number of the archive"),
			stringFlag("name", "NAME", "name of the archive; the newest of that name"),
			boolFlag("mount", "mount it, and take the sender's mount point"),
			boolFlag("force", "first destroy what is in the dataset and not in the stream").Short("F"),
			boolFlag("abort", "forget the part of a stream that was kept"),
			sizeFlag("buffer", "memory between the drive and the pool").Default("256MiB").Setting("buffer"),
		}, unlockFlags()...),
		Examples: []example{
			{"calypso snapshot receive tank/b --from-tape vtl01:0 --name tank/a@x", "from a tape"},
			{"ssh other zfs send pool/a@x | calypso snapshot receive tank/b", "from another host"},
		},
		Exits:   append([]errcode.Exit{errcode.ExitMismatch, errcode.ExitNoSpace}, zfsExits...),
		Mutates: true, Danger: severe,
		Run: runSnapshotReceive,
	}
}

// receivedDoc is `calypso snapshot receive --json`.
type receivedDoc struct {
	Dataset     string  `json:"dataset"`
	Sent        *string `json:"sent_snapshot"`
	GUID        *string `json:"guid"`
	Incremental bool    `json:"incremental"`
	Package     bool    `json:"package"`
	Bytes       *int64  `json:"bytes"`
	Verified    bool    `json:"verified"`
	Aborted     bool    `json:"aborted"`
	Volume      *string `json:"volume"`
	TapeFile    *int64  `json:"tape_file"`
}

func runSnapshotReceive(ctx context.Context, inv *invocation) (err error) {
	o := dataset.Receive{Dataset: inv.arg("DATASET"), Force: inv.flag("force"), Mount: inv.flag("mount")}
	if err := zfs.CheckDataset(o.Dataset); err != nil {
		return err
	}
	if err := inv.checkReceiveSource(); err != nil {
		return err
	}
	held, err := inv.lockDatasets(ctx, o.Dataset)
	if err != nil {
		return err
	}
	defer closeInto(&err, held)
	if inv.flag("abort") {
		return inv.abortReceive(ctx, o.Dataset)
	}
	if o.Force {
		if err := inv.confirmName(ctx, o.Dataset, "destroy what is in "+o.Dataset+" and not in the stream: changes since its newest common snapshot, and snapshots and, with a package, datasets below it that the sender does not have"); err != nil {
			return err
		}
	}
	in, err := inv.openReceiveSource(ctx)
	if err != nil {
		return err
	}
	doc, err := inv.receive(ctx, o, in)
	end := in.Close()
	if err := ended(err, end, doc); err != nil {
		return err
	}
	if errors.Is(end, errNotWanted) && !inv.dryRun {
		inv.warn("the archive goes on behind the stream: what follows was not read, and its SHA-256 not compared")
	}
	return inv.emitReceived(doc)
}

func (inv *invocation) checkReceiveSource() error {
	sources := 0
	for _, name := range []string{"input", "from-tape"} {
		if inv.isSet(name) {
			sources++
		}
	}
	onTape := inv.isSet("from-tape")
	switch {
	case sources > 1:
		return usageErrorf("want either --input or --from-tape")
	case inv.flag("abort") && (sources > 0 || inv.flag("force")):
		return usageErrorf("--abort receives nothing: it goes with no source")
	case !onTape && (inv.isSet("file") || inv.isSet("name")):
		return usageErrorf("--file and --name are for --from-tape")
	case onTape && inv.isSet("file") == inv.isSet("name"):
		return usageErrorf("name the archive with either --file N or --name NAME")
	case sources == 0 && !inv.flag("abort") && inv.InTTY:
		return usageErrorf("a stream does not come from a terminal").WithHint("send it through a pipe, or use --input or --from-tape")
	}
	return nil
}

func (inv *invocation) abortReceive(ctx context.Context, name string) error {
	if err := inv.datasets().AbortReceive(ctx, name, inv.dryRun); err != nil {
		return err
	}
	return inv.emit(receivedDoc{Dataset: name, Aborted: true}, func(p *page) {
		p.line("%s what was kept of a stream for %s", inv.done("forgot", "forget"), name)
	})
}

func (inv *invocation) receive(ctx context.Context, o dataset.Receive, in *receiveSource) (receivedDoc, error) {
	store := inv.datasets()
	h, whole, err := store.PlanReceive(ctx, o, in)
	doc := receivedDoc{Dataset: o.Dataset, Sent: orNull(h.Snapshot), GUID: orNull(h.GUID), Incremental: h.FromGUID != "", Package: h.Package,
		Volume: in.volume, TapeFile: in.file}
	if err != nil || inv.dryRun {
		return doc, err
	}
	bar := inv.progress()
	defer bar.finish()
	got, err := store.Receive(ctx, o, h, whole, func(n int64) {
		bar.update(progressStep{Done: n, Total: in.total, Phase: "receiving", Current: h.Snapshot, Fill: -1})
	})
	doc.Bytes, doc.Verified = &got.Bytes, got.Verified
	return doc, err
}

func (inv *invocation) emitReceived(doc receivedDoc) error {
	return inv.emit(doc, func(p *page) {
		p.line("%s %s into %s", inv.done("received", "receive"), cell(doc.Sent), doc.Dataset)
		if doc.Bytes != nil {
			verified := ", verified"
			if !doc.Verified {
				verified = "; of a package only zfs itself has compared the checksums"
			}
			p.line("%s%s", spaceText(*doc.Bytes), verified)
		}
	})
}

// receiveSource is a stream that comes in. Close ends it and tells what went wrong on its side.
type receiveSource struct {
	io.Reader
	close  func() error
	total  int64 // bytes, -1 when not known
	volume *string
	file   *int64
}

func (s *receiveSource) Close() error { return s.close() }

// ended joins how receiving went and what the source said at its end. A tape whose archive is not what was
// written is a failure, though zfs has got all that it wants.
func ended(received, source error, doc receivedDoc) error {
	if errors.Is(source, errNotWanted) || errors.Is(received, source) {
		source = nil
	}
	err := errors.Join(received, source)
	if err != nil && doc.Verified {
		return errcode.New(errcode.Of(err), doc.Dataset, "%w", err).WithState("zfs received %s all the same, by its own checksums", cell(doc.Sent))
	}
	return err
}

// errNotWanted ends a reader of the tape whose stream was refused.
var errNotWanted = errors.New("the stream is not wanted")

func (inv *invocation) openReceiveSource(ctx context.Context) (*receiveSource, error) {
	switch {
	case inv.isSet("from-tape"):
		return inv.streamOnTape(ctx)
	case inv.isSet("input"):
		f, err := os.Open(inv.str("input"))
		if err != nil {
			return nil, errcode.New(errcode.FileNotFound, inv.str("input"), "%w", pathCause(err))
		}
		s := &receiveSource{Reader: f, close: f.Close, total: -1}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			s.total = info.Size()
		}
		return s, nil
	}
	return &receiveSource{Reader: inv.In, close: func() error { return nil }, total: -1}, nil
}

// streamOnTape reads an archive that is a stream, while it is received. It is compared with what was written as
// every read of a tape is.
func (inv *invocation) streamOnTape(ctx context.Context) (*receiveSource, error) {
	inv.deviceName = inv.str("from-tape")
	t, err := inv.openArchive(ctx)
	if err != nil {
		return nil, err
	}
	if m := t.manifest; m != nil && !m.Complete {
		err := errcode.New(errcode.ArchiveIncomplete, m.Name, "the archive was not written to its end (%s)", m.Reason).
			WithState("nothing was received").WithHint("'calypso lto read --stdout | calypso snapshot receive' keeps what there is, for a sender that can go on")
		return nil, errors.Join(err, t.drive.Close())
	}
	r, w := io.Pipe()
	bar := &progress{inv: inv, mode: "none"} // the receiver shows how far it is
	o := t.options(bar, "reading")
	o.Stdout = w
	if err := t.needKey(ctx, o); err != nil {
		return nil, errors.Join(err, t.drive.Close())
	}
	s := &receiveSource{Reader: r, total: -1, volume: &t.label.Volume, file: &t.file}
	if t.manifest != nil {
		s.total = t.manifest.SizeBytes
	}
	ended := make(chan error, 1)
	go func() {
		_, err := archive.Read(ctx, t.drive, t.manifest, t.file, o)
		_ = w.CloseWithError(err) // nil is the end of the stream
		ended <- err
	}()
	s.close = func() error {
		_ = r.CloseWithError(errNotWanted)
		err := <-ended
		if e := t.drive.Close(); e != nil {
			err = errors.Join(err, fmt.Errorf("close %s: %w", t.drive.name, e))
		}
		return err
	}
	return s, nil
}
