package ssc

import "testing"

func TestVerify(t *testing.T) {
	tests := []struct {
		name, tape, cdb, sense string
		length                 int
		lands                  int64
	}{
		{"one block", "5a", "13 00 00 00 05 00", "good", 0, 1},
		{"immediate", "5a", "13 04 00 00 05 00", "good", 0, 1},
		{"nothing", "5a", "13 00 00 00 00 00", "good", 0, 0},
		{"shorter", "3a", "13 00 00 00 05 00", "0/00/00 ILI info=2", 0, 1},
		{"longer", "9a", "13 00 00 00 05 00", "0/00/00 ILI info=-4", 0, 1},
		{"filemark", "|a", "13 00 00 00 05 00", "0/00/01 FM info=5", 0, 1},
		{"end of data", "", "13 00 00 00 05 00", "8/00/05 info=5", 0, 0},
		{"fixed", "333|", "13 01 00 00 03 00", "good", 3, 3},
		{"fixed into a filemark", "333|", "13 01 00 00 05 00", "0/00/01 FM info=2", 3, 4},
		{"fixed, another length", "3343", "13 01 00 00 04 00", "0/00/00 ILI info=2", 3, 3},
		{"fixed without a length", "333", "13 01 00 00 01 00", "5/24/00 cdb[1].0", 0, 0},
		{"byte compare", "5a", "13 02 00 00 05 00", "5/24/00 cdb[1].1", 0, 0},
		{"unreadable", "5!", "13 01 00 00 02 00", "3/11/00 info=1", 5, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := tapeOf(tt.tape)
			m.bad = map[int64]bool{}
			for i, o := range m.objects {
				m.bad[int64(i)] = string(o.data) == "!"
			}
			r := newRig(t, m)
			r.s.blockLength = tt.length
			r.want(tt.cdb, tt.sense)
			r.wantAt(tt.lands)
			if got := r.s.traffic.HostReadBytes; got != 0 {
				t.Errorf("%d bytes went to the host", got)
			}
		})
	}
}
