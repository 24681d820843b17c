package dataset

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

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

// PlanReceive reads the head of a stream and says whether the dataset can take it. The reader gives the whole
// stream.
func (s Store) PlanReceive(ctx context.Context, o Receive, r io.Reader) (Head, io.Reader, error) {
	if err := zfs.CheckDataset(o.Dataset); err != nil {
		return Head{}, nil, err
	}
	h, whole, err := readHead(r)
	if err != nil {
		return h, nil, errcode.Named(err, o.Dataset)
	}
	d, err := s.Get(ctx, o.Dataset)
	if errcode.Of(err) == errcode.DatasetNotFound {
		return h, whole, mayBegin(o, h)
	}
	if err == nil {
		err = s.mayGoOn(ctx, o, h)
	}
	if err == nil && d.Type == Volume { // zfs would change it under whoever reads it, and make its node anew
		err = s.unused(ctx, d)
	}
	return h, whole, err
}

const untouched = "nothing was received"

// mayBegin refuses what does not begin a dataset.
func mayBegin(o Receive, h Head) error {
	switch {
	case h.Resuming:
		return errcode.New(errcode.DatasetNotFound, o.Dataset, "the stream is the rest of one of which a receiver kept the beginning, and this dataset does not exist").
			WithState(untouched).WithHint("name the dataset that kept it, or send the snapshot anew")
	case h.FromGUID != "" && !h.Package && !h.Clone:
		return errcode.New(errcode.DatasetNotFound, o.Dataset, "the stream is incremental, and the dataset that it goes on from does not exist").
			WithState(untouched).WithHint("receive the full stream first")
	}
	return nil
}

// mayGoOn refuses what the dataset that is there cannot take. Whether an incremental stream fits, and a package, zfs
// knows best.
func (s Store) mayGoOn(ctx context.Context, o Receive, h Head) error {
	k, err := s.Kept(ctx, o.Dataset, false)
	switch {
	case err != nil:
		return err
	case h.Resuming && k.Token == "":
		return errcode.New(errcode.StorageRefused, o.Dataset, "the stream is the rest of one of which nothing was kept here").
			WithState(untouched).WithHint("send the snapshot anew")
	case !h.Resuming && k.Token != "":
		return k.explain(errcode.New(errcode.StorageRefused, o.Dataset, "it has kept the beginning of another stream"))
	case h.FromGUID == "" && !h.Package && !h.Resuming && !o.Force: // the head of a package does not tell what it goes on from
		return errcode.New(errcode.DatasetExists, o.Dataset, "the stream is full and the dataset exists").
			WithState(untouched).WithHint("name a dataset that does not exist, or --force to destroy what is in this one")
	}
	return nil
}

// source is a stream on its way to zfs. To zfs its failure is an end: the stream is cut off then, and what
// came is kept.
type source struct {
	from io.Reader
	tell func(int64)
	mu   sync.Mutex // zfs may end while a read is at work
	n    int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.mu.Lock()
	s.n += int64(n)
	total := s.n
	if err != nil && !errors.Is(err, io.EOF) {
		s.err, err = err, io.EOF
	}
	s.mu.Unlock()
	if s.tell != nil {
		s.tell(total)
	}
	return n, err
}

func (s *source) end() (n int64, failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n, s.err
}

// Receive takes a stream whose head was read by PlanReceive.
func (s Store) Receive(ctx context.Context, o Receive, h Head, whole io.Reader, progress func(int64)) (Received, error) {
	in := &source{from: whole, tell: progress}
	_, err := s.command(ctx, o.Dataset, run.Cmd{Name: "zfs", Args: o.args(h), Stdin: in, Timeout: forever})
	got := Received{Head: h, Dataset: o.Dataset}
	var broken error
	got.Bytes, broken = in.end()
	switch {
	case err != nil && broken != nil: // zfs says no more than that the stream has no end
		err = errcode.New(errcode.Of(broken), o.Dataset, "the stream broke off: %w", broken)
	case err == nil:
		err = errors.Join(s.compare(ctx, o, &got), broken)
	}
	if err != nil && !got.Verified {
		err = s.tellKept(context.WithoutCancel(ctx), o.Dataset, h.Package, err)
	}
	return got, err
}

// compare holds the snapshot that is there now against what the stream said.
func (s Store) compare(ctx context.Context, o Receive, got *Received) error {
	if got.Package {
		return nil
	}
	d, err := s.Get(ctx, o.Dataset+"@"+got.Short())
	if err == nil && d.GUID != got.GUID {
		err = errcode.New(errcode.StreamDamaged, d.Name, "it has GUID %s, and the stream said %s", d.GUID, got.GUID)
	}
	got.Verified = err == nil
	return err
}

// Kept is the part of a stream that a dataset kept when the stream broke off; no Token: none.
type Kept struct {
	Dataset string // the one that was asked for, or of a package one below it
	Token   string // what the sender needs to go on
}

// Kept looks for it, with below in all that is below the dataset too. A dataset that does not exist has none.
func (s Store) Kept(ctx context.Context, name string, below bool) (Kept, error) {
	args := []string{"get", "-H", "-o", "value,name", "-t", "filesystem,volume"}
	if below {
		args = append(args, "-r")
	}
	out, err := s.zfs(ctx, name, append(args, "receive_resume_token", name)...)
	if code := errcode.Of(err); code == errcode.DatasetNotFound || code == errcode.PoolNotFound {
		return Kept{}, nil
	}
	if err != nil {
		return Kept{}, err
	}
	for line := range strings.Lines(string(out.Stdout)) {
		token, dataset, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if token != "-" && token != "" {
			return Kept{dataset, token}, nil
		}
	}
	return Kept{}, nil
}

// explain says in an error how to go on with what was kept.
func (k Kept) explain(e *errcode.Error) *errcode.Error {
	return e.WithState("what came so far was kept in %s", k.Dataset).
		WithHint("'calypso snapshot send --resume %s' on the sender goes on; 'calypso snapshot receive --abort %s' forgets it", k.Token, k.Dataset)
}

// tellKept says how to go on after a failure.
func (s Store) tellKept(ctx context.Context, name string, below bool, cause error) error {
	k, err := s.Kept(ctx, name, below)
	if err != nil || k.Token == "" {
		return cause
	}
	told := errcode.Error{Code: errcode.Of(cause), Object: name, Msg: cause.Error(), Err: cause}
	var e *errcode.Error
	if errors.As(cause, &e) {
		told.Object = e.Object
		told.Msg, _, _ = strings.Cut(e.Msg, "; Partially received snapshot is saved") // and zfs tells the token, too
		told.Msg = strings.TrimSuffix(told.Msg, ".")
	}
	return k.explain(&told)
}

// AbortReceive forgets the part of a stream that was kept.
func (s Store) AbortReceive(ctx context.Context, name string, dryRun bool) error {
	if err := zfs.CheckDataset(name); err != nil {
		return err
	}
	k, err := s.Kept(ctx, name, false)
	if err == nil && k.Token == "" {
		err = errcode.New(errcode.StorageRefused, name, "nothing was kept of a stream for it")
	}
	if err != nil || dryRun {
		return err
	}
	_, err = s.zfs(ctx, name, "receive", "-A", name)
	return err
}
