package whereabouts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
	"calypso/tape"
)

var now = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

// library is two drives, four slots, two I/O slots and a hand. Full ones are those with a barcode; "?" is one
// that cannot be read.
func library(full map[string]string) tape.Inventory {
	v := tape.Inventory{}
	add := func(k tape.Kind, first, count, base int) {
		for n := range count {
			e := tape.Element{Kind: k, Number: first + n, Address: uint16(base + n), Source: -1}
			barcode := full[e.String()]
			e.Full, e.Barcode = barcode != "", strings.Trim(barcode, "?")
			v.Elements = append(v.Elements, e)
		}
	}
	add(tape.DriveBay, 0, 2, 500)
	add(tape.Slot, 1, 4, 1000)
	add(tape.IO, 1, 2, 100)
	add(tape.Transport, 0, 1, 0)
	return v
}

func at(v tape.Inventory, place string) *tape.Element {
	for i := range v.Elements {
		if v.Elements[i].String() == place {
			return &v.Elements[i]
		}
	}
	return nil
}

// lines are the findings as "BARCODE verdict known>found".
func lines(findings []Finding) []string {
	list := []string{}
	for _, f := range findings {
		known, found := "-", "-"
		if f.Expected != nil {
			known = f.Expected.String()
		}
		if f.Found != nil {
			found = f.Found.String()
		}
		list = append(list, strings.TrimSpace(f.Barcode+" "+string(f.Verdict)+" "+known+">"+found))
	}
	return list
}

func TestCompare(t *testing.T) {
	known := func(place, trouble string) Record {
		return Record{Accepted: now, Cartridges: []Cartridge{{"A", place, now, trouble}}}
	}
	for _, tt := range []struct {
		name   string
		record Record
		full   map[string]string
		change func(tape.Inventory)
		want   []string
	}{
		{"there", known("slot 1", ""), map[string]string{"slot 1": "A"}, nil, []string{"A there slot 1>slot 1"}},
		{"moved", known("slot 1", ""), map[string]string{"slot 4": "A"}, nil, []string{"A moved slot 1>slot 4"}},
		{"missing", known("slot 1", ""), nil, nil, []string{"A missing slot 1>-"}},
		{"lost", known("drive 0", "it was lost"), nil, nil, []string{"A missing drive 0>-"}},
		{"lost and found", known("drive 0", "it was lost"), map[string]string{"slot 3": "A"}, nil, []string{"A moved drive 0>slot 3"}},
		{"stuck", known("drive 0", "it was to go to slot 1"), map[string]string{"drive 0": "A"}, nil, []string{"A stuck drive 0>drive 0"}},
		{"in the hand", known("slot 1", ""), map[string]string{"transport 0": "A"}, nil, []string{"A stuck slot 1>transport 0"}},
		{"it stayed", known("slot 1", "it was to go to drive 0"), map[string]string{"slot 1": "A"}, nil, []string{"A there slot 1>slot 1"}},
		{"loaded", known("slot 1", ""), map[string]string{"drive 1": "A"}, func(v tape.Inventory) { at(v, "drive 1").Source = 1000 }, []string{"A loaded slot 1>drive 1"}},
		{"loaded from elsewhere", known("slot 1", ""), map[string]string{"drive 1": "A"}, func(v tape.Inventory) { at(v, "drive 1").Source = 1001 }, []string{"A moved slot 1>drive 1"}},
		{"taken out", known("io slot 1", ""), nil, nil, []string{"A taken_out io slot 1>-"}},
		{"put out and there", known("io slot 1", ""), map[string]string{"io slot 1": "A"}, nil, []string{"A there io slot 1>io slot 1"}},
		{"no such place now", known("slot 99", ""), nil, nil, []string{"A missing slot 99>-"}},
		{"stranger", Record{Accepted: now}, map[string]string{"slot 2": "B"}, nil, []string{"B stranger ->slot 2"}},
		{"nothing known", Record{}, map[string]string{"slot 2": "B"}, nil, []string{"B unrecorded ->slot 2"}},
		{"another in its place", known("slot 1", ""), map[string]string{"slot 1": "B"}, nil, []string{"A missing slot 1>-", "B stranger ->slot 1"}},
		{"two of one barcode", known("slot 1", ""), map[string]string{"slot 1": "A", "slot 2": "A"}, nil, []string{"A there slot 1>slot 1", "A stranger ->slot 2"}},
		{"its label cannot be read", known("slot 1", ""), map[string]string{"slot 1": "?"}, nil, []string{"A unreadable slot 1>slot 1"}},
		{"one unreadable is one of two", Record{Accepted: now, Cartridges: []Cartridge{{"A", "slot 1", now, "it was lost"}, {"B", "slot 1", now, ""}, {"C", "slot 1", now, ""}}},
			map[string]string{"slot 1": "?"}, nil, []string{"A missing slot 1>-", "B unreadable slot 1>slot 1", "C missing slot 1>-"}},
		{"no label", Record{}, map[string]string{"slot 1": "?"}, nil, []string{"unreadable ->slot 1"}},
		{"no label, known", Record{Cartridges: []Cartridge{{"", "slot 1", now, ""}}}, map[string]string{"slot 1": "?"}, nil, []string{"there slot 1>slot 1"}},
		{"no label, gone", Record{Cartridges: []Cartridge{{"", "slot 1", now, ""}}}, nil, nil, []string{"missing slot 1>-"}},
		{"exception of an empty place", known("slot 1", ""), nil, func(v tape.Inventory) { at(v, "slot 1").Exception, at(v, "slot 1").ASC = true, 0x8301 }, []string{"A exception slot 1>slot 1"}},
		{"exception of a full place", known("slot 1", ""), map[string]string{"slot 1": "A"}, func(v tape.Inventory) { at(v, "slot 1").Exception = true }, []string{"A exception slot 1>slot 1"}},
		{"exception of a place of nobody", Record{}, nil, func(v tape.Inventory) { at(v, "drive 1").Exception = true }, []string{"exception ->drive 1"}},
		{"one moved to where another was", Record{Accepted: now, Cartridges: []Cartridge{{"A", "slot 1", now, ""}, {"", "slot 2", now, ""}}},
			map[string]string{"slot 2": "A", "slot 1": "?"}, nil, []string{"A moved slot 1>slot 2", "missing slot 2>-", "unreadable ->slot 1"}},
	} {
		v := library(tt.full)
		if tt.change != nil {
			tt.change(v)
		}
		if diff := cmp.Diff(tt.want, lines(Compare(tt.record, v))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestStore(t *testing.T) {
	s, ctx := NewStore(t.TempDir()), t.Context()
	if r, err := s.Get("L1"); err != nil || len(r.Cartridges) != 0 || !r.Accepted.IsZero() {
		t.Errorf("%+v, %v", r, err)
	}
	v := library(map[string]string{"slot 1": "A", "slot 2": "?", "slot 3": "B", "drive 1": "C"})
	move := func(barcode, from, to, trouble string) Move { return Move{barcode, *at(v, from), *at(v, to), trouble} }
	if err := s.Moved(ctx, "msl", "L1", now, move("A", "slot 1", "drive 0", "")); err != nil {
		t.Fatal(err)
	}
	if err := s.Accept(ctx, "msl", "L1", v, now); err != nil {
		t.Fatal(err)
	}
	later := now.Add(time.Hour)
	if err := s.Moved(ctx, "msl", "L1", later, move("A", "slot 1", "slot 4", ""), move("", "slot 2", "drive 0", ""), move("N", "io slot 1", "slot 2", "oh")); err != nil {
		t.Fatal(err)
	}
	got, err := NewStore(s.dir).Get("L1")
	want := Record{SchemaVersion: 1, Serial: "L1", Library: "msl", Accepted: now, Cartridges: []Cartridge{
		{"C", "drive 1", now, ""}, {"B", "slot 3", now, ""}, {"A", "slot 4", later, ""}, {"", "drive 0", later, ""}, {"N", "slot 2", later, "oh"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if r, err := s.Get("L2"); err != nil || len(r.Cartridges) != 0 {
		t.Errorf("another library: %+v, %v", r, err)
	}
}

// A file that was edited wrongly is named and left alone.
func TestStoreRefuses(t *testing.T) {
	s := NewStore(t.TempDir())
	const head = "schema_version: 1\nserial: L1\nlibrary: msl\naccepted: 2026-11-21T03:00:00Z\ncartridges:\n  - barcode: A\n    seen: 2026-11-21T03:00:00Z\n    place: "
	for _, text := range []string{head + "slot\n", head + "slot 1 2\n", head + "slot 01\n", head + "shelf 1\n", strings.Replace(head, "L1", "L2", 1) + "slot 1\n"} {
		path := filepath.Join(s.dir, "L1.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get("L1")
		moved := s.Moved(t.Context(), "msl", "L1", now, Move{Barcode: "A"})
		if errcode.Of(err) != errcode.StateInvalid || errcode.Of(moved) != errcode.StateInvalid || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, %v", text, err, moved)
		}
		if b, _ := os.ReadFile(path); string(b) != text {
			t.Errorf("%q became %q", text, b)
		}
	}
}
