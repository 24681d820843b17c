package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"calypso/sys/errcode"
)

type inner struct {
	Name string `json:"name,omitempty"`
}

type sample struct {
	inner
	List    []string          `json:"list,omitempty"`
	Items   []inner           `json:"items"`
	Map     map[string]int    `json:"map"`
	Nested  *inner            `json:"nested"`
	Time    time.Time         `json:"time"`
	Never   *time.Time        `json:"never"`
	Big     uint64            `json:"big"`
	Ratio   float64           `json:"ratio"`
	Text    string            `json:"text"`
	Any     any               `json:"any"`
	Ints    [2]int            `json:"ints"`
	Labels  map[string]string `json:"labels"`
	Skipped int               `json:"-"`
}

func TestEncodeJSON(t *testing.T) {
	doc := sample{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)), Big: math.MaxUint64, Ratio: math.NaN(),
		Text: "<a>&\u2028\xff", Labels: map[string]string{"b": "2", "a": "1"},
	}
	got, err := encodeJSON([]field{{"schema", "s"}}, doc, false)
	want := `{"schema":"s","name":"","list":[],"items":[],"map":{},"nested":null,"time":"2026-01-02T02:04:05Z","never":null,` +
		`"big":18446744073709551615,"ratio":null,"text":"<a>&\u2028\ufffd","any":null,"ints":[0,0],"labels":{"a":"1","b":"2"}}` + "\n"
	if err != nil || string(got) != want {
		t.Errorf("encodeJSON = %s, %v; want %s", got, err, want)
	}
	laid, err := encodeJSON(nil, &doc, true)
	if err != nil || !json.Valid(laid) || !strings.Contains(string(laid), "\n  \"name\": \"\",") {
		t.Errorf("encodeJSON indented = %s, %v", laid, err)
	}
}

// A name from a tape cannot speak to the terminal in JSON either, and is the same to who parses it.
func TestJSONOnATerminal(t *testing.T) {
	const name = "a\"\x1b[31m\u009b31m\x7f\u202e\u2066\nü"
	got, err := encodeJSON(nil, inner{name}, true)
	if err != nil || strings.ContainsFunc(strings.ReplaceAll(string(got), "\n", ""), actsOnTerminal) {
		t.Errorf("encodeJSON = %q, %v", got, err)
	}
	var back inner
	if err := json.Unmarshal(got, &back); err != nil || back.Name != name {
		t.Errorf("read back: %q, %v; want %q", back.Name, err, name)
	}
}

func TestEncodeJSONRefuses(t *testing.T) {
	twice := struct {
		Schema string `json:"schema"`
	}{}
	for name, doc := range map[string]any{
		"a key that comes twice": twice,
		"no struct":              []int{1},
		"a duration":             struct{ D time.Duration }{},
		"bytes":                  struct{ B []byte }{[]byte("x")},
	} {
		if got, err := encodeJSON([]field{{"schema", "s"}}, doc, false); err == nil {
			t.Errorf("encodeJSON of %s = %s; want an error", name, got)
		}
	}
}

func TestTable(t *testing.T) {
	p := &page{}
	tb := newTable("drive", ">slots", "note")
	tb.row("vtl01:0", 7, "a long note that is not wrapped however long it may be, as a record is one line")
	tb.row("x", 1234, nil)
	tb.row("esc\x1b[31m\n", int64(-1), "  lead")
	p.table(tb, "none")
	want := "" +
		"DRIVE      SLOTS  NOTE\n" +
		"vtl01:0        7  a long note that is not wrapped however long it may be, as a record is one line\n" +
		"x           1234  -\n" +
		"esc?[31m?     -1    lead\n"
	if got := p.b.String(); got != want {
		t.Errorf("table =\n%s; want\n%s", got, want)
	}
	p = &page{}
	p.table(newTable("drive"), "no drives")
	if p.b.Len() != 0 || len(p.empty) != 1 {
		t.Errorf("an empty table prints %q, notes %q; want nothing and one note", p.b.String(), p.empty)
	}
}

func TestPairs(t *testing.T) {
	p := &page{}
	p.pairs("vendor", "IBM", "serial number", nil, "loaded", true, "capacity", bytesText(12e12))
	want := "vendor         IBM\nserial number  -\nloaded         yes\ncapacity       12TB\n"
	if got := p.b.String(); got != want {
		t.Errorf("pairs =\n%s; want\n%s", got, want)
	}
}

func TestFailure(t *testing.T) {
	signalled, cancel := context.WithCancelCause(context.Background())
	cancel(&errcode.Error{Code: errcode.Terminated, Msg: "stopped by SIGTERM", Err: context.Canceled})
	late, stop := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer stop()
	tests := []struct {
		ctx    context.Context
		err    error
		object string
		exit   errcode.Exit
		text   string
	}{
		{context.Background(), errors.New("broken"), "", 1, "calypso: lto write: broken"},
		{context.Background(), errors.New("broken"), "vtl01:0", 1, "calypso: lto write vtl01:0: broken"},
		{context.Background(), errcode.New(errcode.TapeFull, "vtl01:0", "full"), "vtl01:0", 18, "calypso: lto write vtl01:0: full"},
		{context.Background(), errcode.New(errcode.TapeFull, "vtl01:0", "full"), "", 18, "calypso: lto write vtl01:0: full"},
		{context.Background(), errcode.New(errcode.BarcodeInvalid, "X", "bad").WithOp("check"), "vtl01:0", 2, "calypso: lto write vtl01:0: check X: bad"},
		{context.Background(), fmt.Errorf("put: %w", errcode.New(errcode.SlotFull, "5", "full")), "vtl01", 11, "calypso: lto write vtl01: put: 5: full"},
		{signalled, fmt.Errorf("write: %w", context.Canceled), "", 143, "calypso: lto write: write: stopped by SIGTERM"},
		{signalled, context.Cause(signalled), "", 143, "calypso: lto write: stopped by SIGTERM"},
		{signalled, errcode.New(errcode.ArchiveIncomplete, "", "closed early"), "", 143, "calypso: lto write: closed early"},
		{late, context.DeadlineExceeded, "", 14, "calypso: lto write: the deadline of --timeout passed"},
		{late, errcode.New(errcode.TapeMediumError, "", "block 5"), "", 16, "calypso: lto write: block 5"},
		{context.Background(), errors.Join(errors.New("one"), errors.New("two\x1b")), "", 1, "calypso: lto write: one; also: two?"},
		{context.Background(), errors.Join(errcode.New(errcode.DriveEmpty, "vtl01:0", "empty"), nil), "vtl01:0", 10, "calypso: lto write vtl01:0: empty"},
		{context.Background(), errors.Join(nil, errcode.New(errcode.TapeFull, "vtl01:0", "full"), errors.Join(errors.New("full"), errors.New("x"))), "vtl01:0", 18,
			"calypso: lto write vtl01:0: full; also: x"},
		{context.Background(), fmt.Errorf("load: %w", errors.Join(errors.New("a"), errors.New("b"))), "", 1, "calypso: lto write: load: a: b"},
		{context.Background(), fmt.Errorf("%w and %w", errors.New("a"), errors.New("b")), "", 1, "calypso: lto write: a and b"},
		{context.Background(), errcode.New(errcode.NameInvalid, "long...", "no name"), "long and longer", 2, "calypso: lto write long...: no name"},
	}
	for _, tt := range tests {
		f := newFailure(tt.ctx, tt.err, "lto write", tt.object)
		f.hint = ""
		var b strings.Builder
		f.write(&b, false)
		if got := strings.TrimSuffix(b.String(), "\n"); f.exit != tt.exit || got != tt.text {
			t.Errorf("failure of %v = %d %q; want %d %q", tt.err, f.exit, got, tt.exit, tt.text)
		}
	}
}

// To be root does not help on a file system that is read-only.
func TestHintOfReadOnly(t *testing.T) {
	for cause, want := range map[error]string{syscall.EROFS: "mounted read-only", syscall.EACCES: "run as a user who may"} {
		err := errcode.New(errcode.Of(cause), "f", "cannot be written: %w", &os.PathError{Op: "open", Path: "f", Err: cause})
		if f := newFailure(context.Background(), err, "lto write", ""); f.exit != errcode.ExitDenied || !strings.Contains(f.hint, want) {
			t.Errorf("%v: exit %d, hint %q; want %q", cause, f.exit, f.hint, want)
		}
	}
}

func TestMainIsSafeWithoutArguments(t *testing.T) {
	var out, err strings.Builder
	if got := Main(nil, strings.NewReader(""), &out, &err); got != 2 || out.Len() > 0 {
		t.Errorf("Main(nil) = %d, stdout %q; want 2 and nothing", got, out.String())
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestEveryFailedWriteCounts(t *testing.T) {
	var err strings.Builder
	for _, argv := range [][]string{{"calypso", "version"}, {"calypso", "--help"}, {"calypso", "errors", "--json"}} {
		if got := Main(argv, strings.NewReader(""), brokenWriter{}, &err); got != int(errcode.ExitFailed) {
			t.Errorf("Main(%q) with a broken standard output = %d; want 1", argv, got)
		}
	}
}

func TestEscape(t *testing.T) {
	for plain, want := range map[string]string{
		`--dry-run`: `\-\-dry\-run`, `a\nb`: `a\enb`, ".TH x": `\&.TH x`, "'a": `\&'a`, "a.b": "a.b",
	} {
		if got := escape(plain); got != want {
			t.Errorf("escape(%q) = %q; want %q", plain, got, want)
		}
	}
}
