package ssc

import (
	"slices"
	"testing"
)

// A drive reads ahead behind a block that it read, whatever length the host expected, and after nothing else.
func TestReadAhead(t *testing.T) {
	m := tapeOf("5555|5")
	r := newRig(t, m)
	for _, cdb := range []string{
		"00 00 00 00 00 00", "08 00 00 00 05 00", "08 00 00 00 09 00", "01 00 00 00 00 00",
		"11 01 00 00 01 00", // SPACE over the filemark
		"08 00 00 00 05 00", "08 00 00 00 05 00", "1B 00 00 00 00 00",
	} {
		_, _ = r.exec(cdb, nil, 16)
		r.s.ReadAhead()
	}
	if want := []int64{1, 2, 6}; !slices.Equal(m.aheads, want) {
		t.Errorf("read ahead at %v; want %v", m.aheads, want)
	}
}
