package dataset

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/sys/run/transcript"
)

// recordedOf is an answer that another call got: zfs receive with a redirection, say.
func recordedOf(t *testing.T, args, name string) run.Exchange {
	t.Helper()
	list, err := transcript.Read(filepath.Join("..", "testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	list[0].Argv = strings.Fields("zfs " + args)
	return list[0]
}

// call is ask for what has a '_' in it.
func call(args, stdout string) run.Exchange {
	return run.Exchange{Argv: strings.Fields("zfs " + args), Stdout: stdout}
}

const (
	isThere  = "list -Hp -t filesystem,volume -o DATASET tank/b"
	askToken = "get -H -o value,name -t filesystem,volume receive_resume_token tank/b"
	takeIt   = "receive -s -u -x mountpoint tank/b"
	token    = "1-8f6aba288-b8-789c636064000310"
	getSnap  = "list -Hp -t snapshot -o DATASET tank/b@s1"
	snapRow  = "tank/b@s1\tsnapshot\t5439303476165633927\t1795276499\t0\t-\t2124800\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\n"
)

var notThere = fails(ask(isThere, ""), "cannot open 'tank/b': dataset does not exist\n")

func noToken() run.Exchange { return call(askToken, "-\ttank/b\n") }
func aToken() run.Exchange  { return call(askToken, token+"\ttank/b\n") }

func TestPlanReceive(t *testing.T) {
	full := little
	incremental := strings.TrimSuffix(little, "0000000000000000") + "0100000000000000"
	clone := strings.Replace(incremental, "0c000000", "0d000000", 1)
	pkg := strings.Replace(little, "11000000", "12000000", 1)
	rest := strings.Replace(little, "11000000", "11004000", 1)
	there := ask(isThere, strings.Replace(dataRow, "tank/data", "tank/b", 1))
	for name, c := range map[string]struct {
		fields string
		force  bool
		asked  []run.Exchange
		code   errcode.Code
		says   string
	}{
		"full":                      {full, false, []run.Exchange{notThere}, "", ""},
		"full, is there":            {full, false, []run.Exchange{there, noToken()}, errcode.DatasetExists, "--force"},
		"full, is there, force":     {full, true, []run.Exchange{there, noToken()}, "", ""},
		"full, kept another":        {full, true, []run.Exchange{there, aToken()}, errcode.StorageRefused, "--resume " + token},
		"package, is there":         {pkg, false, []run.Exchange{there, noToken()}, "", ""}, // it may be incremental
		"incremental":               {incremental, false, []run.Exchange{there, noToken()}, "", ""},
		"incremental, of nothing":   {incremental, false, []run.Exchange{notThere}, errcode.DatasetNotFound, "full stream first"},
		"incremental, kept another": {incremental, false, []run.Exchange{there, aToken()}, errcode.StorageRefused, "--abort tank/b"},
		"clone":                     {clone, false, []run.Exchange{notThere}, "", ""},
		"rest":                      {rest, false, []run.Exchange{there, aToken()}, "", ""},
		"rest, of nothing":          {rest, false, []run.Exchange{notThere}, errcode.DatasetNotFound, "rest of one"},
		"rest, nothing kept":        {rest, false, []run.Exchange{there, noToken()}, errcode.StorageRefused, "nothing was kept"},
	} {
		t.Run(name, func(t *testing.T) {
			s := store(t, nil, c.asked...)
			_, _, err := s.PlanReceive(ctx, Receive{Dataset: "tank/b", Force: c.force}, bytes.NewReader(record(t, c.fields, "tank/data@s1")))
			wantError(t, err, c.code, strings.Fields(c.says)...)
		})
	}
	for _, name := range []string{"-F", "tank/b@x", ""} {
		_, _, err := store(t, nil).PlanReceive(ctx, Receive{Dataset: name}, bytes.NewReader(nil))
		wantError(t, err, errcode.NameInvalid)
	}
}

// A volume that somebody uses is not changed under him: zfs would, and would make its node anew.
func TestReceiveIntoVolumeInUse(t *testing.T) {
	for _, force := range []bool{false, true} {
		s := store(t, nil, ask(isThere, strings.Replace(volRow, "tank/vol", "tank/b", 1)), noToken())
		s.Users = func(_ context.Context, path string) ([]Holder, error) {
			if path != s.Device("tank/b") {
				t.Errorf("asked who uses %s", path)
			}
			return []Holder{{Text: "exported by LIO iblock_0/b"}}, nil
		}
		incremental := strings.TrimSuffix(little, "0000000000000000") + "0100000000000000"
		_, _, err := s.PlanReceive(ctx, Receive{Dataset: "tank/b", Force: force}, bytes.NewReader(record(t, incremental, "tank/vol@s1")))
		wantError(t, err, errcode.DatasetBusy, "LIO iblock_0/b", "nothing was touched")
	}
}

var s1 = Head{Snapshot: "tank/data@s1", GUID: "5439303476165633927"}

func TestReceive(t *testing.T) {
	s := store(t, nil, ask(takeIt, ""), ask(getSnap, snapRow))
	var told int64
	got, err := s.Receive(ctx, Receive{Dataset: "tank/b"}, s1, strings.NewReader("0123456789"), func(n int64) { told = n })
	if err != nil || !got.Verified || got.Bytes != 10 || told != 10 {
		t.Errorf("Receive = %+v, %v, told %d; want 10 bytes, verified", got, err, told)
	}
	s = store(t, nil, ask(takeIt, ""), ask(getSnap, strings.Replace(snapRow, "5439", "1111", 1)), noToken())
	got, err = s.Receive(ctx, Receive{Dataset: "tank/b"}, s1, strings.NewReader("x"), nil)
	if errcode.Of(err) != errcode.StreamDamaged || got.Verified {
		t.Errorf("another GUID: %+v, %v; want stream_damaged", got, err)
	}
}

func TestReceiveArgs(t *testing.T) {
	vol, pkg := Head{Volume: true}, Head{Package: true}
	for want, got := range map[string][]string{
		"receive -s -u -x mountpoint -F tank/b": Receive{Dataset: "tank/b", Force: true}.args(s1),
		"receive -s -u -x mountpoint tank/b":    Receive{Dataset: "tank/b"}.args(pkg),
		"receive -s -u tank/b":                  Receive{Dataset: "tank/b"}.args(vol),
		"receive -s tank/b":                     Receive{Dataset: "tank/b", Mount: true}.args(s1),
	} {
		if strings.Join(got, " ") != want {
			t.Errorf("args = %q; want %q", got, want)
		}
	}
}

// What OpenZFS 2.3 says, and what becomes of it.
func TestReceiveFails(t *testing.T) {
	for recording, c := range map[string]struct {
		code errcode.Code
		kept run.Exchange
		says string
	}{
		"12-send-recv-s-truncated":   {errcode.StreamDamaged, aToken(), "--resume " + token},
		"12-send-recv-truncated":     {errcode.StreamDamaged, noToken(), "incomplete stream"},
		"12-send-recv-enospc":        {errcode.DiskFull, noToken(), "quota exceeded"},
		"12-send-recv-exists":        {errcode.DatasetExists, noToken(), "-F"},
		"12-send-recv-exists-F":      {errcode.StorageRefused, noToken(), "rz/copy@s1"},
		"12-send-recv-incr-mismatch": {errcode.StorageRefused, noToken(), "incremental source"},
		"12-send-recv-incr-modified": {errcode.StorageRefused, noToken(), "has been modified"},
		"12-send-recv-nopool":        {errcode.DatasetNotFound, fails(call(askToken, ""), "cannot open 'tank/b': dataset does not exist\n"), ""},
	} {
		t.Run(recording, func(t *testing.T) {
			s := store(t, nil, recordedOf(t, takeIt, recording), c.kept)
			got, err := s.Receive(ctx, Receive{Dataset: "tank/b"}, s1, strings.NewReader("x"), nil)
			wantError(t, err, c.code, strings.Fields(c.says)...)
			if got.Verified {
				t.Error("it is said to be verified")
			}
			if text := err.Error(); strings.Contains(text, "zfs send -t") || strings.Contains(text, "1-8f6aba288-b8-789c636064000310a") {
				t.Errorf("the message has zfs's own advice, too: %q", text)
			}
		})
	}
}

// A source that breaks off is why zfs got no whole stream: it is blamed, and what was kept is told.
func TestSourceBreaksOff(t *testing.T) {
	s := store(t, nil, recordedOf(t, takeIt, "12-send-recv-s-truncated"), aToken())
	tape := errcode.New(errcode.ArchiveDamaged, "file 3", "unreadable")
	source := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(tape))
	got, err := s.Receive(ctx, Receive{Dataset: "tank/b"}, s1, source, nil)
	wantError(t, err, errcode.ArchiveDamaged, "unreadable", "kept in tank/b", "--resume "+token)
	if !errors.Is(err, tape) || got.Bytes != 4 || got.Verified {
		t.Errorf("%+v, %v; want 4 bytes and the tape's own error", got, err)
	}
}

// zfs has all that it wants, and the source says then that it was not what was written: no success.
func TestSourceFailsAtItsEnd(t *testing.T) {
	s := store(t, nil, ask(takeIt, ""), ask(getSnap, snapRow))
	tape := errcode.New(errcode.ArchiveDamaged, "file 3", "SHA-256")
	got, err := s.Receive(ctx, Receive{Dataset: "tank/b"}, s1, io.MultiReader(strings.NewReader("all"), iotest.ErrReader(tape)), nil)
	if !errors.Is(err, tape) || !got.Verified {
		t.Errorf("%+v, %v; want it verified, and the tape's error", got, err)
	}
}

// In a package the part that was kept is in one of the datasets below.
func TestPackageBreaksOff(t *testing.T) {
	s := store(t, nil, recordedOf(t, takeIt, "12-send-recv-s-truncated"),
		call("get -H -o value,name -t filesystem,volume -r receive_resume_token tank/b", "-\ttank/b\n"+token+"\ttank/b/c\n"))
	_, err := s.Receive(ctx, Receive{Dataset: "tank/b"}, Head{Snapshot: "tank/a@x", Package: true}, strings.NewReader("x"), nil)
	wantError(t, err, errcode.StreamDamaged, "kept in tank/b/c", "--abort tank/b/c")
}

func TestAbortReceive(t *testing.T) {
	wantError(t, store(t, nil, noToken()).AbortReceive(ctx, "tank/b", false), errcode.StorageRefused, "nothing was kept")
	wantError(t, store(t, nil, aToken()).AbortReceive(ctx, "tank/b", true), "")
	wantError(t, store(t, nil, aToken(), ask("receive -A tank/b", "")).AbortReceive(ctx, "tank/b", false), "")
	wantError(t, store(t, nil).AbortReceive(ctx, "-A", false), errcode.NameInvalid)
}
