package status

import (
	"math"
	"testing"

	"calypso/tape"
	"calypso/tape/scsi"
)

func mb(n uint64) *uint64 { return of(n * 1_000_000) }

// memory is a cartridge's memory with these amounts; -1 is not known.
func memory(capacity, left int64) *tape.Medium {
	return &tape.Medium{CapacityBytes: capacity, RemainingBytes: left}
}

func TestAmounts(t *testing.T) {
	two := func(a, b *uint64) []scsi.PartitionValue {
		return []scsi.PartitionValue{{Partition: 0, Value: a}, {Partition: 1, Value: b}}
	}
	tests := []struct {
		name                      string
		facts                     Facts
		capacity, used, remaining int64 // -1: nil
	}{
		{"nothing", Facts{}, -1, -1, -1},
		{"memory without figures", Facts{Medium: memory(-1, -1)}, -1, -1, -1},
		{"memory alone", Facts{Medium: memory(1000, 400)}, 1000, 600, 400},
		{"a memory that contradicts itself", Facts{Medium: memory(400, 1000)}, 400, -1, 1000},
		{"memory, and page 17h for what is used", Facts{Medium: memory(1000, 400), Volume: &scsi.VolumeStatistics{CapacityBytes: mb(9), UsedBytes: mb(1)}}, 1000, 1e6, 400},
		{"page 31h", Facts{Capacity: &scsi.TapeCapacity{MaximumBytes: mb(10), RemainingBytes: mb(3)}}, 10e6, 7e6, 3e6},
		{"page 0Ch", Facts{Sequential: &scsi.SequentialAccess{ToEndOfData: mb(4), ToEarlyWarning: mb(9), BehindWarning: mb(1)}}, 10e6, 4e6, 6e6},
		{"two partitions", Facts{Medium: memory(1000, 400), Volume: &scsi.VolumeStatistics{PartitionCapacity: two(mb(1), mb(2)),
			PartitionUsed: two(mb(1), mb(1)), PartitionRemaining: two(mb(0), mb(1))}}, 3e6, 2e6, 1e6},
		{"two partitions, the end of one is not found", Facts{Volume: &scsi.VolumeStatistics{PartitionCapacity: two(mb(1), mb(2)),
			PartitionUsed: two(mb(1), nil), PartitionRemaining: two(mb(0), nil)}}, 3e6, -1, -1},
		{"no number of bytes", Facts{Volume: &scsi.VolumeStatistics{CapacityBytes: of(uint64(math.MaxUint64)), UsedBytes: mb(1)}}, -1, 1e6, -1},
	}
	for _, tt := range tests {
		a := tt.facts.Amounts()
		for what, pair := range map[string]struct {
			got  *int64
			want int64
		}{"capacity": {a.CapacityBytes, tt.capacity}, "used": {a.UsedBytes, tt.used}, "remaining": {a.RemainingBytes, tt.remaining}} {
			if got := pair.got; got == nil && pair.want != -1 || got != nil && *got != pair.want {
				t.Errorf("%s: %s is %v; want %d", tt.name, what, got, pair.want)
			}
		}
	}
}

func TestRatios(t *testing.T) {
	volume := &scsi.VolumeStatistics{WriteRatioPercent: of(uint64(150)), ReadRatioPercent: of(uint64(0))}
	tests := []struct {
		name  string
		facts Facts
		page  string
		write float64 // 0: nil
	}{
		{"nothing", Facts{}, "", 0},
		{"page 17h", Facts{Volume: volume}, "17h", 1.5},
		{"page 1Bh goes first", Facts{Volume: volume, Compression: &scsi.DataCompression{WriteRatioPercent: of(uint64(250))}}, "1Bh", 2.5},
		{"no data", Facts{Compression: &scsi.DataCompression{WriteRatioPercent: of(uint64(0))}}, "1Bh", 0},
	}
	for _, tt := range tests {
		r := tt.facts.Ratios()
		if r.Page != tt.page || r.Written == nil && tt.write != 0 || r.Written != nil && *r.Written != tt.write || r.Read != nil {
			t.Errorf("%s: %+v; want %v of page %q", tt.name, r, tt.write, tt.page)
		}
	}
}

func TestKind(t *testing.T) {
	cleaning := tape.Readiness{State: tape.NeedsOperator, Sense: scsi.Sense{Key: scsi.NotReady, ASC: scsi.ASCCleaningCartridge}}
	for want, f := range map[string]Facts{
		"":         {Medium: &tape.Medium{}},
		"data":     {Medium: &tape.Medium{Generation: "LTO-8"}},
		"worm":     {Medium: &tape.Medium{Generation: "LTO-8", WORM: true}},
		"cleaning": {Ready: cleaning},
	} {
		if got := f.Kind(); got != want {
			t.Errorf("Kind(%+v) = %q; want %q", f.Medium, got, want)
		}
	}
}
