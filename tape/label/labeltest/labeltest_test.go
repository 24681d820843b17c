package labeltest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	img, err := Parse([]byte("# a comment\nkind bacula\nsoftware Bacula\nvolume two words\n\n" +
		"0001: 41 42 | AB\n0004: 43\npad 6 20\nfilemark\npad 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	if img.Kind != "bacula" || img.Software != "Bacula" || img.Volume != "two words" {
		t.Errorf("words: %+v", img)
	}
	if len(img.Objects) != 3 || string(img.Objects[0]) != " AB C " || img.Objects[1] != nil ||
		!bytes.Equal(img.Objects[2], []byte{0, 0}) {
		t.Errorf("objects: %q", img.Objects)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"kind x\nbogus 12":        `2: "bogus" is not a word`,
		"zz: 41\npad 2":           "1: ",
		"0000: 4":                 "1: encoding/hex: odd length",
		"0000: 41 42\npad 1":      "2: bytes at 0000 do not fit",
		"0000: 41":                "no pad line",
		"pad 0":                   "1: length",
		"pad 99999999":            "1: length",
		"pad":                     "1: pad LENGTH",
		"pad 4 zz":                "1: ",
		"0000: 41\nfilemark":      "2: filemark inside a block",
		"0000: 41\npad 1 00 more": "2: pad LENGTH",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestAllAndGet(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range all {
		if img.Kind == "" {
			t.Errorf("%s: no kind", img.Name)
		}
		if _, err := Get(img.Name); err != nil {
			t.Error(err)
		}
	}
	if _, err := Get("no-such-image"); err == nil {
		t.Error("an image that does not exist was loaded")
	}
}

type recorder struct {
	log  []string
	fail bool
}

func (r *recorder) Write(_ context.Context, p []byte) (bool, error) {
	r.log = append(r.log, string(p))
	if r.fail {
		return false, errors.New("medium full")
	}
	return false, nil
}

func (r *recorder) WriteFilemarks(_ context.Context, n int, _ bool) (bool, error) {
	r.log = append(r.log, strings.Repeat("FM", n))
	return true, nil
}

func TestWriteTo(t *testing.T) {
	img := Image{Name: "x", Objects: [][]byte{[]byte("one"), nil, []byte("two")}}
	r := &recorder{}
	if err := img.WriteTo(context.Background(), r); err != nil || strings.Join(r.log, ",") != "one,FM,two" {
		t.Errorf("wrote %q, error %v", r.log, err)
	}
	if err := img.WriteTo(context.Background(), &recorder{fail: true}); err == nil {
		t.Error("a failed write was not reported")
	}
}
