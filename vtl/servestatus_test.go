package vtl

import (
	"testing"
	"time"

	"calypso/vtl/tcmu"
)

func TestServeRates(t *testing.T) {
	start := time.Unix(1000, 0)
	first := sample{start, []tcmu.Counters{{}, {ReadBytes: 500, WrittenBytes: 1000}}}
	then := sample{start.Add(2 * time.Second), []tcmu.Counters{{}, {ReadBytes: 500, WrittenBytes: 9000, Queued: 2, BusySince: start}}}
	if u := first.unit(1, sample{}); u.ReadRate != nil || u.WrittenRate != nil || u.WrittenBytes != 1000 {
		t.Errorf("the first: %+v; want no rates", u)
	}
	u := then.unit(1, first)
	if u.ReadRate == nil || *u.ReadRate != 0 || u.WrittenRate == nil || *u.WrittenRate != 4000 || u.Queued != 2 || !u.BusySince.Equal(start) {
		t.Errorf("after 2 s: %+v; want 4000 B/s written", u)
	}
}
