package dataset

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/zfs"
)

func TestParseEstimate(t *testing.T) {
	for name, want := range map[string]Estimate{
		"send-nvP":          {12653424, []string{"tank/data@s3"}},
		"send-nvP-Lec":      {12652400, []string{"tank/data@s3"}},
		"send-nvP-i":        {12642160, []string{"tank/data@s3"}},
		"send-nvP-bookmark": {12642160, []string{"tank/data@s3"}},
		"send-nvP-I":        {12642784, []string{"tank/data@byalice", "tank/data@s3"}},
		"send-nvP-zvol":     {8537240, []string{"tank/vol@v1"}},
		"send-nvP-w-enc":    {71280, []string{"tank/enc@e1"}},
		"send-nvP-R": {34035880, []string{"tank/data@s1", "tank/data@byalice", "tank/data@s3", "tank/data@rr",
			"tank/data/q@r2", "tank/data/q@rr"}},
		"send-resume-nvPt": {6733712, []string{"tank/data@s3"}},
	} {
		got, err := parseEstimate(recorded(t, name).Stdout)
		if err != nil || got.Bytes != want.Bytes || !slices.Equal(got.Snapshots, want.Snapshots) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	if e, err := parseEstimate("full\ttank/a@x\t-\n"); err != nil || e.Bytes != -1 {
		t.Errorf("no size: %+v, %v; want it not known", e, err)
	}
	for _, text := range []string{"size\t-1\n", "size\tx\n", "size\t99999999999999999999\n"} {
		if _, err := parseEstimate(text); errcode.Of(err) != errcode.StorageUnsupported {
			t.Errorf("parseEstimate(%q) = %v; want storage_unsupported", text, err)
		}
	}
}

func FuzzParseEstimate(f *testing.F) {
	for _, name := range []string{"send-nvP-R", "send-resume-nvPt", "send-nvP-I"} {
		f.Add(recorded(f, name).Stdout)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := parseEstimate(text); err == nil && e.Bytes < -1 {
			t.Errorf("parseEstimate(%q) = %d bytes", text, e.Bytes)
		}
	})
}

func TestSendArgs(t *testing.T) {
	for want, o := range map[string]Send{
		"send -Lec tank/a@x":                      {Snapshot: "tank/a@x"},
		"send -Lec -i @w tank/a@x":                {Snapshot: "tank/a@x", From: "@w"},
		"send -Lec -I tank/a#b tank/a@x":          {Snapshot: "tank/a@x", From: "tank/a#b", Intermediates: true},
		"send -w -R -i @w tank/a@x":               {Snapshot: "tank/a@x", From: "@w", Replicate: true, Raw: true},
		"send -t 1-8f6aba288-b8-789c636064000310": {Resume: "1-8f6aba288-b8-789c636064000310"},
	} {
		if got := strings.Join(o.args(), " "); got != want || o.check() != nil {
			t.Errorf("args = %q, %v; want %q", got, o.check(), want)
		}
	}
	for _, o := range []Send{{}, {Snapshot: "tank/a"}, {Snapshot: "-R@x"}, {Snapshot: "tank/a@x", From: "-R"}, {Resume: "-R"},
		{Snapshot: "tank/a@x", Intermediates: true}, {Snapshot: "tank/a@x", Resume: "1-8"}, {From: "@w", Resume: "1-8"}, {Raw: true, Resume: "1-8"}} {
		if o.check() == nil {
			t.Errorf("%+v is taken; want it refused", o)
		}
	}
}

// runner is one tool.
type runner func(ctx context.Context, c run.Cmd) (run.Result, error)

func (f runner) Run(ctx context.Context, c run.Cmd) (run.Result, error) { return f(ctx, c) }

func storeOf(t *testing.T, f runner) Store {
	t.Helper()
	return Store{Tools: zfs.Tools{Runner: f, Proc: procWith(t, "ONLINE")}}
}

func TestStream(t *testing.T) {
	s := storeOf(t, func(_ context.Context, c run.Cmd) (run.Result, error) {
		_, err := io.WriteString(c.Stdout, "a stream")
		return run.Result{}, err
	})
	st, err := s.OpenStream(ctx, Send{Snapshot: "tank/a@x"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(st); err != nil || string(got) != "a stream" {
		t.Errorf("read %q, %v", got, err)
	}
	if err := st.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// A zfs that fails in the middle gives no stream that has an end.
func TestStreamBreaksOff(t *testing.T) {
	s := storeOf(t, func(_ context.Context, c run.Cmd) (run.Result, error) {
		_, _ = io.WriteString(c.Stdout, "half a str")
		r := run.Result{Stderr: []byte("warning: cannot send 'tank/a@x': I/O error\n"), ExitCode: 1}
		return r, &run.ExitError{Cmd: c, Result: r}
	})
	st, err := s.OpenStream(ctx, Send{Snapshot: "tank/a@x"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(st)
	if string(got) != "half a str" || errcode.Of(err) != errcode.DeviceError {
		t.Errorf("read %q, %v; want what came, then device_error", got, err)
	}
	if n, again := st.Read(make([]byte, 1)); n != 0 || again == nil || errors.Is(again, io.EOF) {
		t.Errorf("read again: %d, %v; want the error again", n, again)
	}
	_ = st.Close()
}

// Close ends a zfs that waits for its reader, also while another goroutine reads.
func TestStreamIsClosed(t *testing.T) {
	ended := false
	s := storeOf(t, func(ctx context.Context, c run.Cmd) (run.Result, error) {
		<-ctx.Done()
		ended = true
		return run.Result{}, ctx.Err()
	})
	st, err := s.OpenStream(ctx, Send{Snapshot: "tank/a@x"})
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error)
	go func() {
		_, err := st.Read(make([]byte, 1))
		read <- err
	}()
	_ = st.Close()
	if err := <-read; err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a reader of a closed stream got %v; want an error", err)
	}
	if !ended {
		t.Error("zfs goes on after Close")
	}
}
