package audit

import (
	"context"
	"os"
	"strings"
	"testing"

	"calypso/sys/errcode"
)

// A log that is longer than what an append reads of it goes on where it ended, with its head and without.
func TestLongLog(t *testing.T) {
	path := logOf(t, 1)
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	args := make([]string, maxArgs)
	for i := range args {
		args[i] = strings.Repeat("\x00", maxText)
	}
	long := int64(1)
	for size := int64(0); size <= 2*maxLine+maxLine/2; long++ {
		if err := l.Append(context.Background(), Entry{Command: "long", Args: args}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size = info.Size()
	}
	if err := os.Remove(headPath(path)); err != nil {
		t.Fatal(err)
	}
	if err := appendOne(path, "next"); err != nil {
		t.Fatal(err)
	}
	if got, err := Verify(path); err != nil || got.Records != long+1 || len(got.Torn) != 0 {
		t.Errorf("Verify = %+v, %v; want %d records", got, err, long+1)
	}
}

// Text that no append can have left is a change, however it is parted into lines.
func TestVerifyFindsLongText(t *testing.T) {
	path := logOf(t, 2)
	good := read(t, path)
	overwrite(t, path, good+strings.Repeat("x", maxLine+1)+"\n")
	if _, err := Verify(path); errcode.Of(err) != errcode.AuditBroken || !strings.Contains(err.Error(), ":3: ") {
		t.Errorf("a line of more than maxLine: %v; want it broken at line 3", err)
	}
	overwrite(t, path, good+strings.Repeat(strings.Repeat("x", maxLine/2)+"\n", 5))
	if _, err := Verify(path); errcode.Of(err) != errcode.AuditBroken || !strings.Contains(err.Error(), ":3: ") {
		t.Errorf("lines of more than 2 maxLine: %v; want it broken at line 3", err)
	}
}

func TestDamagedHeads(t *testing.T) {
	hash := strings.Repeat("a", hashLen)
	for text, good := range map[string]bool{
		`{"seq":1,"hash":"` + hash + `"}`:  true,
		`{"seq":0,"hash":"` + hash + `"}`:  false,
		`{"seq":-1,"hash":"` + hash + `"}`: false,
		`{"seq":1,"hash":"aa"}`:            false,
		`{"seq":1}`:                        false,
		`{"seq":1,"hash":"` + hash:         false,
		"":                                 false,
	} {
		if _, err := decodeHead([]byte(text)); (err == nil) != good {
			t.Errorf("decodeHead(%s) = %v; want good: %v", text, err, good)
		}
	}
}

// A full disk, or one that may not be written, is told by its own code.
func TestAppendToAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	last, err := write(full, nil, Record{}, genesis)
	if err == nil || last != (link{}) {
		t.Fatalf("write = %v, %v; want an error and no link to go on with", last, err)
	}
	for cause, want := range map[error]errcode.Code{err: errcode.DiskFull, os.ErrPermission: errcode.PermissionDenied, os.ErrClosed: errcode.AuditUnwritable} {
		if got := errcode.Of(unwritable("audit.jsonl", cause)); got != want {
			t.Errorf("unwritable(%v) = %s; want %s", cause, got, want)
		}
	}
}
