package dataset

import (
	"context"
	"errors"
	"io"
	"strings"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/zfs"
)

// Receive is where a stream shall go.
type Receive struct {
	Dataset string // it is made by a full stream; an incremental one goes on where it stands
	Force   bool   // first roll back to the newest snapshot, and destroy what the sender does not have (-F)
	Mount   bool   // mount it, and take the mount point of the sender; else neither
}

func (o Receive) args(h Head) []string {
	args := []string{"receive", "-s"}
	if !o.Mount {
		args = append(args, "-u")
		if !h.Volume { // a property that a volume does not have is an error
			args = append(args, "-x", "mountpoint")
		}
	}
	if o.Force {
		args = append(args, "-F")
	}
	return append(args, o.Dataset)
}

// Received is what came.
type Received struct {
	Head
	Dataset  string
	Bytes    int64
	Verified bool // the snapshot is there with the GUID that the stream said; a package is not looked through
}

// counter counts what goes through.
type counter struct {
	r io.Reader
	n int64
	f func(int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.f != nil {
		c.f(c.n)
	}
	return n, err
}

// PlanReceive reads the head of a stream and says whether the dataset can take it. The reader gives the whole
// stream.
func (s Store) PlanReceive(ctx context.Context, o Receive, r io.Reader) (Head, io.Reader, error) {
	if err := zfs.CheckDataset(o.Dataset); err != nil {
		return Head{}, nil, err
	}
	h, whole, err := readHead(r)
	if err != nil {
		return h, nil, ofDataset(err, o.Dataset)
	}
	_, err = s.Get(ctx, o.Dataset)
	switch code := errcode.Of(err); {
	case code == errcode.DatasetNotFound && h.FromGUID != "" && !h.Package:
		err = errcode.New(errcode.DatasetNotFound, o.Dataset, "the stream is incremental, and the dataset that it goes on from does not exist").
			WithState("nothing was received").WithHint("receive the full stream first")
	case code == errcode.DatasetNotFound:
		err = nil
	case err == nil && h.FromGUID == "" && !o.Force:
		err = s.mayResume(ctx, o.Dataset)
	}
	return h, whole, err
}

// ofDataset gives an error without an object one.
func ofDataset(err error, name string) error {
	var e *errcode.Error
	if errors.As(err, &e) && e.Object == "" {
		e.Object = name
	}
	return err
}

// mayResume refuses a full stream for a dataset that is there, unless that is what an earlier one left.
func (s Store) mayResume(ctx context.Context, name string) error {
	token, err := s.ResumeToken(ctx, name)
	if err != nil || token != "" {
		return err
	}
	return errcode.New(errcode.DatasetExists, name, "the stream is full and the dataset exists").
		WithState("nothing was received").WithHint("name a dataset that does not exist, or --force to destroy what is in this one")
}

// Receive takes a stream whose head was read by PlanReceive.
func (s Store) Receive(ctx context.Context, o Receive, h Head, whole io.Reader, progress func(int64)) (Received, error) {
	in := &counter{r: whole, f: progress}
	_, err := s.command(ctx, o.Dataset, run.Cmd{Name: "zfs", Args: o.args(h), Stdin: in, Timeout: forever})
	got := Received{Head: h, Dataset: o.Dataset, Bytes: in.n}
	if err != nil {
		return got, s.tellResume(context.WithoutCancel(ctx), o.Dataset, err)
	}
	if h.Package {
		return got, nil
	}
	d, err := s.Get(ctx, o.Dataset+"@"+h.Short())
	if err != nil {
		return got, err
	}
	if d.GUID != h.GUID {
		return got, errcode.New(errcode.StreamDamaged, d.Name, "it has GUID %s, and the stream said %s", d.GUID, h.GUID)
	}
	got.Verified = true
	return got, nil
}

// tellResume says how to go on with what was kept of a stream.
func (s Store) tellResume(ctx context.Context, name string, cause error) error {
	token, err := s.ResumeToken(ctx, name)
	if err != nil || token == "" {
		return cause
	}
	code := errcode.Of(cause)
	if code == "" || code == errcode.Failed {
		code = errcode.StreamDamaged
	}
	return errcode.New(code, name, "%w", cause).WithState("what came so far was kept").
		WithHint("'calypso snapshot send --resume %s' on the sender goes on; 'calypso snapshot receive --abort %s' forgets it", token, name)
}

// ResumeToken is what a sender needs to go on with a stream of which a part was kept; "" when there is none.
func (s Store) ResumeToken(ctx context.Context, name string) (string, error) {
	list, err := s.Properties(ctx, name, "receive_resume_token")
	if code := errcode.Of(err); code == errcode.DatasetNotFound {
		return "", nil
	}
	if err != nil || len(list) == 0 || list[0].Value == "-" {
		return "", err
	}
	return strings.TrimSpace(list[0].Value), nil
}

// AbortReceive forgets the part of a stream that was kept.
func (s Store) AbortReceive(ctx context.Context, name string, dryRun bool) error {
	if err := zfs.CheckDataset(name); err != nil {
		return err
	}
	token, err := s.ResumeToken(ctx, name)
	if err == nil && token == "" {
		err = errcode.New(errcode.StorageRefused, name, "nothing was kept of a stream for it")
	}
	if err != nil || dryRun {
		return err
	}
	_, err = s.zfs(ctx, name, "receive", "-A", name)
	return err
}
