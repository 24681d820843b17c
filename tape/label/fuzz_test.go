package label_test

import (
	"strings"
	"testing"
	"unicode"

	"calypso/tape/label"
)

func FuzzRecognise(f *testing.F) {
	for _, img := range images(f) {
		blocks := [3][]byte{}
		for i, o := range img.Objects[:min(3, len(img.Objects))] {
			blocks[i] = o[:min(len(o), 1100)]
		}
		f.Add(blocks[0], blocks[1], blocks[2], uint8(label.StopEndOfData))
	}
	f.Fuzz(func(t *testing.T, a, b, c []byte, stop uint8) {
		found := label.Recognise([][]byte{a, b, c}, label.Stop(stop))
		if len(a)+len(b)+len(c) > 0 && found.Overwritable() {
			t.Fatalf("data is overwritable: %+v", found)
		}
		for _, s := range []string{found.Volume, found.Detail, found.Software} {
			if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%q is not fit for a terminal", s)
			}
		}
		if !found.Overwritable() && found.ConfirmName("") == "" {
			t.Fatalf("nothing to name it by: %+v", found)
		}
		if (found.Kind == label.Calypso) != (found.Label != nil || found.Cause != nil) {
			t.Fatalf("kind and label disagree: %+v", found)
		}
		if found.Err("drive", "V00001L8") == nil {
			t.Fatal("no refusal")
		}
	})
}

func FuzzDecode(f *testing.F) {
	good, err := sample.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:1024])
	f.Add([]byte(sampleText))
	f.Add([]byte(strings.Replace(sampleText, "version: 1", "version: 2", 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Most inputs should reach the YAML: put them in place of the text of a good label.
		if len(b) < 512 {
			block := append([]byte{}, good[:512]...)
			b = append(append(block, b...), make([]byte, 10240-512-len(b))...)
		}
		l, err := label.Decode(b)
		if (l == nil) == (err == nil) {
			t.Fatalf("label %v, error %v", l, err)
		}
		if err != nil {
			return
		}
		again, err := l.Encode()
		if err != nil {
			t.Fatalf("decoded and not encodable: %v", err)
		}
		if l2, err := label.Decode(again); err != nil || *l2 != *l {
			t.Fatalf("%+v became %+v, %v", l, l2, err)
		}
	})
}
