package dataset

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/pipe"
	"calypso/sys/run"
	"calypso/zfs"
)

// Send is a stream to be made. Large blocks, embedded data and compressed blocks go as they are on the disk.
type Send struct {
	Snapshot      string // "tank/a@x"; "" with Resume
	From          string // the snapshot or bookmark the receiver has; "" for a full stream
	Intermediates bool   // with all snapshots between the two (-I)
	Replicate     bool   // with properties, snapshots and all that is below (-R)
	Raw           bool   // encrypted data as it is on the disk (-w)
	Resume        string // the token of a receiver that kept a part
}

// forever is a deadline for what moves terabytes.
const forever = 60 * 24 * time.Hour

func (o Send) check() error {
	switch {
	case o.Resume != "":
		if strings.HasPrefix(o.Resume, "-") || o != (Send{Resume: o.Resume}) {
			return errcode.New(errcode.Usage, "", "a token says all by itself: it goes with no snapshot and no other option")
		}
		return nil
	case o.Intermediates && o.From == "":
		return errcode.New(errcode.Usage, o.Snapshot, "between which snapshots? Name the first one")
	case strings.HasPrefix(o.From, "-"):
		return errcode.New(errcode.NameInvalid, o.From, "no snapshot has this name")
	}
	return zfs.CheckSnapshot(o.Snapshot)
}

func (o Send) args(more ...string) []string {
	args := append([]string{"send"}, more...)
	if o.Resume != "" {
		return append(args, "-t", o.Resume) // the token has the other options
	}
	flags := "-Lec"
	if o.Raw {
		flags = "-w"
	}
	args = append(args, flags)
	if o.Replicate {
		args = append(args, "-R")
	}
	switch {
	case o.From != "" && o.Intermediates:
		args = append(args, "-I", o.From)
	case o.From != "":
		args = append(args, "-i", o.From)
	}
	return append(args, o.Snapshot)
}

// Estimate is what a stream will be, as zfs reckons before it sends.
type Estimate struct {
	Bytes     int64
	Snapshots []string // that are in it, in their order
}

// EstimateSend tells what a stream will be. It is also where a wrong name or base shows itself, before
// anything was sent.
func (s Store) EstimateSend(ctx context.Context, o Send) (Estimate, error) {
	if err := o.check(); err != nil {
		return Estimate{}, err
	}
	out, err := s.zfs(ctx, o.Snapshot, o.args("-nvP")...)
	if err != nil {
		return Estimate{}, err
	}
	return parseEstimate(string(out.Stdout))
}

// parseEstimate reads full\tSNAPSHOT\tBYTES, incremental\tFROM\tSNAPSHOT\tBYTES and size\tBYTES. Before the lines
// of a token stands what is in it, for people.
func parseEstimate(text string) (Estimate, error) {
	e := Estimate{Bytes: -1}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		last := cells[len(cells)-1]
		switch {
		case cells[0] == "full" && len(cells) >= 2:
			e.Snapshots = append(e.Snapshots, cells[1])
		case cells[0] == "incremental" && len(cells) >= 3:
			e.Snapshots = append(e.Snapshots, cells[2])
		case cells[0] == "size" && len(cells) == 2:
			n, err := strconv.ParseInt(last, 10, 64)
			if err != nil || n < 0 {
				return Estimate{}, errcode.New(errcode.StorageUnsupported, "zfs send", "its estimate is not understood: %q", last)
			}
			e.Bytes = n
		}
	}
	return e, nil
}

// Stream is a stream that is read while zfs sends it. A read fails at the end when zfs failed: a stream that
// was cut off never looks whole.
type Stream struct {
	pipe   *os.File
	cancel context.CancelFunc
	ended  chan struct{} // closed when zfs has ended
	result error         // of zfs, there when it has ended
}

// OpenStream begins to send.
func (s Store) OpenStream(ctx context.Context, o Send) (*Stream, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	pipe.Widen(r)
	ctx, cancel := context.WithCancel(ctx)
	st := &Stream{pipe: r, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(st.ended)
		_, st.result = s.command(ctx, o.Snapshot, run.Cmd{Name: "zfs", Args: o.args(), Stdout: w, Timeout: forever})
		_ = w.Close() // after the result is there: the reader sees the end now
	}()
	return st, nil
}

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.pipe.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if <-s.ended; s.result != nil {
		return 0, s.result
	}
	return 0, io.EOF
}

// Close ends zfs when the stream was not read to its end.
func (s *Stream) Close() error {
	s.cancel()
	err := s.pipe.Close()
	<-s.ended
	return err
}
