package cmd

import (
	"testing"

	"calypso/tape/scsi/sg"
	"calypso/vtl"
)

// A drive with a tape that moves must not be started and stopped; a virtual one need not wait for a full buffer.
func TestWatermarks(t *testing.T) {
	for _, tt := range []struct {
		name    string
		node    *sg.Node
		virtual *vtl.Library
		off     bool
	}{
		{"a drive of the host", &sg.Node{}, nil, false},
		{"a virtual drive that this process plays", nil, &vtl.Library{}, true},
		{"a virtual drive behind the kernel", &sg.Node{}, &vtl.Library{}, true},
	} {
		d := drive{device: device{node: tt.node, library: &library{virtual: tt.virtual}}}
		if got := d.watermarks().Off; got != tt.off {
			t.Errorf("%s: off is %t; want %t", tt.name, got, tt.off)
		}
	}
}
