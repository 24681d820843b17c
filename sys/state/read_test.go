package state

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"calypso/sys/errcode"
)

type slot struct {
	Number  int    `yaml:"number"`
	Barcode string `yaml:"barcode"`
	Full    bool   `yaml:"full"`
}

type shape struct {
	A int `yaml:"a"`
}

type object struct {
	SchemaVersion int               `yaml:"schema_version"`
	Name          string            `yaml:"name"`
	Small         uint8             `yaml:"small"`
	Size          int64             `yaml:"size_bytes"`
	Ratio         float64           `yaml:"ratio"`
	Made          time.Time         `yaml:"made"`
	Wait          time.Duration     `yaml:"wait"`
	Slots         []slot            `yaml:"slots"`
	Labels        map[string]string `yaml:"labels"`
	Maybe         *int64            `yaml:"maybe"`
	Shape         shape             `yaml:",inline"`
	Any           any               `yaml:"any"`
	Plain         int
	//lint:ignore U1000 that yaml does not see it is what is tested
	hidden int

	Skipped int `yaml:"-"`
}

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "o.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadYAMLRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		line       int
		want       string
	}{
		{"unknown key", "name: a\nnmae: b\n", 2, `key "nmae" is unknown`},
		{"unknown key below", "slots:\n- number: 1\n- number: 2\n  colour: red\n", 4, `key "colour" is unknown`},
		{"field without key", "hidden: 1\n", 1, `key "hidden" is unknown`},
		{"skipped field", "skipped: 1\n", 1, `key "skipped" is unknown`},
		{"duplicate key", "name: a\nsmall: 1\nname: b\n", 3, `key "name" is here a second time, the first is in line 1`},
		{"duplicate key in a map", "labels:\n  a: x\n  a: y\n", 3, "second time"},
		{"duplicate key in any", "any:\n  a: x\n  a: y\n", 3, "second time"},
		{"second document", "name: a\n---\nname: b\n", 2, "second document"},
		{"octal of YAML 1.1", "slots:\n- number: 010\n", 2, `"010" is not a plain decimal integer`},
		{"octal of YAML 1.2", "size_bytes: 0o10\n", 1, "plain decimal"},
		{"hexadecimal", "size_bytes: 0x10\n", 1, "plain decimal"},
		{"underscores", "size_bytes: 1_000\n", 1, "plain decimal"},
		{"fraction into integer", "size_bytes: 1.5\n", 1, "plain decimal"},
		{"exponent into integer", "size_bytes: 1e3\n", 1, "plain decimal"},
		{"text into integer", "size_bytes: many\n", 1, "plain decimal"},
		{"quoted integer", "size_bytes: \"5\"\n", 1, "plain decimal"},
		{"octal in any", "any: {a: [010]}\n", 1, "plain decimal"},
		{"too large", "small: 256\n", 1, "out of range"},
		{"negative unsigned", "small: -1\n", 1, "out of range"},
		{"far too large", "size_bytes: 9223372036854775808\n", 1, "out of range"},
		{"null into text", "name: null\n", 1, `key "name": has no value`},
		{"nothing into text", "small: 1\nname:\n", 2, "has no value"},
		{"tilde into integer", "size_bytes: ~\n", 1, "has no value"},
		{"null into list", "slots:\n", 1, "has no value"},
		{"null in list", "slots: [null]\n", 1, "has no value"},
		{"null into map", "labels:\n", 1, "has no value"},
		{"null into time", "made: null\n", 1, "has no value"},
		{"octal ratio", "ratio: 010\n", 1, "plain decimal number"},
		{"infinite ratio", "ratio: .inf\n", 1, "plain decimal number"},
		{"ratio out of range", "ratio: 1e999\n", 1, "out of range"},
		{"old boolean", "slots: [{full: yes}]\n", 1, "neither true nor false"},
		{"date only", "made: 2026-01-31\n", 1, "not a time"},
		{"duration without unit", "wait: 30\n", 1, "not a duration"},
		{"list for text", "name: [a]\n", 1, "one value is expected"},
		{"text for list", "slots: a\n", 1, "not a list"},
		{"text for struct", "slots: [a]\n", 1, "not a list of keys"},
		{"list as file", "- a\n", 1, "not a list of keys"},
		{"text as file", "hello\n", 1, "not a list of keys"},
		{"anchor", "name: &x a\n", 1, "anchors and aliases"},
		{"alias", "labels: {a: &x b}\nname: *x\n", 1, "anchors and aliases"},
		{"merge key", "labels:\n  <<: {a: b}\n", 2, "not a plain key"},
		{"list as key", "labels:\n  [a]: b\n", 2, "not a plain key"},
		{"tag", "name: !exec a\n", 1, "tag !exec"},
		{"not UTF-8", "small: 1\nname: \xff\n", 2, "not UTF-8"},
		{"syntax", "name: a\nslots: [\n", 2, "did not find"},
		{"tab", "labels:\n\ta: b\n", 2, "cannot start any token"},
		{"control character", "name: \x01\n", 1, "control characters are not allowed (U+0001)"},
		{"escape sequence", "small: 1\nname: \x1b[31m\n", 2, "control characters are not allowed (U+001B)"},
		{"C1 control", "small: 1\nname: \u009b31m\n", 2, "control characters are not allowed (U+009B)"},
		{"byte order mark inside", "small: 1\nname: a\ufeff\n", 2, "control characters are not allowed (U+FEFF)"},
		{"empty", "", 0, "empty"},
		{"comment only", "# nothing\n", 0, "empty"},
		{"start of document only", "---\n", 2, "has no value"},
		{"null as file", "null\n", 1, "has no value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.text)
			var got object
			err := ReadYAML(path, 0, &got)
			var e *errcode.Error
			if !errors.As(err, &e) || e.Code != errcode.StateInvalid {
				t.Fatalf("ReadYAML(%q) = %v; want state_invalid", tt.text, err)
			}
			object := path
			if tt.line > 0 {
				object = fmt.Sprintf("%s:%d", path, tt.line)
			}
			if e.Object != object || !strings.Contains(e.Msg, tt.want) {
				t.Errorf("ReadYAML(%q) = %q, %q; want %q, %q", tt.text, e.Object, e.Msg, object, tt.want)
			}
			if text, _ := os.ReadFile(path); string(text) != tt.text {
				t.Errorf("the file was changed to %q", text)
			}
		})
	}
}

func TestReadYAMLTakes(t *testing.T) {
	tests := []struct {
		name, text string
		want       object
	}{
		{"barcodes as written", "name: 000001\nslots: [{barcode: 1E3}, {barcode: 010}, {barcode: yes}]\n",
			object{Name: "000001", Slots: []slot{{Barcode: "1E3"}, {Barcode: "010"}, {Barcode: "yes"}}}},
		{"empty text", "name: \"\"\n", object{}},
		{"null into pointer", "maybe: null\n", object{}},
		{"inlined and default keys", "a: 3\nplain: 4\n", object{Shape: shape{3}, Plain: 4}},
		{"ends of range", "size_bytes: -9223372036854775808\nsmall: 255\n", object{Size: math.MinInt64, Small: 255}},
		{"numbers", "ratio: -1.5e3\nwait: 1h30m\n", object{Ratio: -1500, Wait: 90 * time.Minute}},
		{"time", "made: 2026-01-31T12:00:00.5Z\n", object{Made: time.Date(2026, 1, 31, 12, 0, 0, 5e8, time.UTC)}},
		{"quoted time", "made: \"2026-01-31T12:00:00Z\"\n", object{Made: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}},
		{"empty mapping", "{}\n", object{}},
		{"end of document", "name: a\n...\n", object{Name: "a"}},
		{"byte order mark", "\ufeffname: a\n", object{Name: "a"}},
		{"comments", "# c\nname: a # d\n", object{Name: "a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got object
			if err := ReadYAML(write(t, tt.text), 0, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(object{})); diff != "" {
				t.Errorf("ReadYAML(%q) (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

func TestReadYAMLSchemaVersion(t *testing.T) {
	tests := []struct {
		text string
		want errcode.Code
	}{
		{"schema_version: 1\n", ""},
		{"schema_version: 2\n", ""},
		{"schema_version: 3\nfrom_the_future: [1]\n", errcode.StateNewer},
		{"name: a\n", errcode.StateInvalid},
		{"schema_version: 0\n", errcode.StateInvalid},
		{"schema_version: 02\n", errcode.StateInvalid},
		{"schema_version: [2]\n", errcode.StateInvalid},
		{"schema_version:\n", errcode.StateInvalid},
		{"- 1\n", errcode.StateInvalid},
	}
	for _, tt := range tests {
		var got object
		path := write(t, tt.text)
		if code := errcode.Of(ReadYAML(path, 2, &got)); code != tt.want {
			t.Errorf("ReadYAML(%q) gives %q; want %q", tt.text, code, tt.want)
		}
		if text, _ := os.ReadFile(path); string(text) != tt.text {
			t.Errorf("the file was changed to %q", text)
		}
	}
}

func TestReadYAMLAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("labels:\n  a0: &a0 x\n")
	for i := 1; i < 40; i++ {
		fmt.Fprintf(&b, "  a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9))
	}
	var got object
	if code := errcode.Of(ReadYAML(write(t, b.String()), 0, &got)); code != errcode.StateInvalid {
		t.Errorf("an alias bomb gives %q", code)
	}
	deep := "any: " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000)
	if code := errcode.Of(ReadYAML(write(t, deep), 0, &got)); code != errcode.StateInvalid {
		t.Errorf("a list 20000 deep gives %q", code)
	}
}

func TestReadYAMLFiles(t *testing.T) {
	var got object
	dir := t.TempDir()
	if err := ReadYAML(filepath.Join(dir, "none.yaml"), 1, &got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
	if code := errcode.Of(ReadYAML(dir, 1, &got)); code != errcode.StateInvalid {
		t.Errorf("a directory gives %q", code)
	}
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if err := ReadYAML(large, 1, &got); errcode.Of(err) != errcode.StateInvalid || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Errorf("a file of 64 MiB and a byte gives %v", err)
	}
	if code := errcode.Of(readError("p", fs.ErrPermission)); code != errcode.PermissionDenied {
		t.Errorf("a file that may not be read gives %q", code)
	}
}

// What is written is read back as the same, whatever the texts hold.
func TestWriteReadProperty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.yaml")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("\n \ta#:-\r\u2028\x01'\"|>"))), rapid.SampledFrom([]string{
			"", "null", "~", "yes", "010", "1e3", "0x1", "2026-01-01", "a: b", "- a", "# a", "&a", "*a", "!a", "<<", "\n", "\t", "\xff", "---", "\u2028"}))
		seconds := rapid.Int64Range(0, 1<<33)
		want := object{
			SchemaVersion: 1, Name: text.Draw(t, "name"), Small: rapid.Uint8().Draw(t, "small"),
			Size: rapid.Int64().Draw(t, "size"), Ratio: float64(rapid.Int32().Draw(t, "ratio")) / 16,
			Made: time.Unix(seconds.Draw(t, "made"), 0).UTC(), Wait: time.Duration(rapid.Int64().Draw(t, "wait")),
			Slots:  []slot{{Number: rapid.Int().Draw(t, "number"), Barcode: text.Draw(t, "barcode"), Full: rapid.Bool().Draw(t, "full")}},
			Labels: map[string]string{text.Draw(t, "key"): text.Draw(t, "value")},
		}
		if err := WriteYAML(path, want); err != nil {
			t.Fatal(err)
		}
		var got object
		if err := ReadYAML(path, 1, &got); err != nil {
			data, _ := os.ReadFile(path)
			t.Fatalf("%v in\n%s", err, data)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(object{})); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// Whatever the text: no panic, no hang; and what is taken, yaml.v3 takes too with unknown keys
// refused.
func FuzzReadYAML(f *testing.F) {
	for _, seed := range []string{
		"schema_version: 1\nname: a\nslots:\n- {number: 1, barcode: V00001L8, full: true}\n", "a: &x 1\nb: *x\n", "---\n...\n---\n",
		"labels: {<<: {a: b}}\n", "any: [1, 010, 1.5, ~, {a: b}]\n", "made: 2026-01-31T12:00:00Z\nwait: 1s\nmaybe: 5\n", "name: !!binary /w==\n", "\xef\xbb\xbf", "? [a]\n: b\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, lax object
		if err := decode("f", data, 0, &got); err != nil {
			if errcode.Of(err) != errcode.StateInvalid {
				t.Fatalf("decode(%q) = %v", data, err)
			}
			return
		}
		dec := yaml.NewDecoder(strings.NewReader(string(data)))
		dec.KnownFields(true)
		if err := dec.Decode(&lax); err != nil {
			t.Fatalf("decode(%q) takes what yaml refuses: %v", data, err)
		}
	})
}

func library(slots int) object {
	o := object{SchemaVersion: 1, Name: "vtl01", Made: time.Unix(1e9, 0).UTC(), Labels: map[string]string{}}
	for i := range slots {
		o.Slots = append(o.Slots, slot{i + 1, fmt.Sprintf("V%05dL8", i+1), i%2 == 0})
	}
	return o
}

func BenchmarkReadLibrary1000(b *testing.B) {
	path := filepath.Join(b.TempDir(), "vtl01.yaml")
	if err := WriteYAML(path, library(1000)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var got object
		if err := ReadYAML(path, 1, &got); err != nil || len(got.Slots) != 1000 {
			b.Fatal(len(got.Slots), err)
		}
	}
}

func BenchmarkWriteLibrary1000(b *testing.B) {
	o := library(1000)
	path := filepath.Join(b.TempDir(), "vtl01.yaml")
	for b.Loop() {
		if err := WriteYAML(path, o); err != nil {
			b.Fatal(err)
		}
	}
}
