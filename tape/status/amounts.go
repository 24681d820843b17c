package status

import (
	"math"

	"calypso/tape"
	"calypso/tape/scsi"
)

// Amounts is how full the tape is, in bytes; nil is not known. They are native: compression makes more of
// it. A cartridge with several partitions gives their sum.
type Amounts struct{ CapacityBytes, UsedBytes, RemainingBytes *int64 }

// Amounts takes each figure where it is most exact: the cartridge's memory counts MiB, and is the only one
// that some drives have; then pages 31h, 17h and 0Ch. Only page 17h knows of all partitions.
func (f *Facts) Amounts() Amounts {
	var a Amounts
	v := f.Volume
	if v != nil && len(v.PartitionCapacity) > 1 {
		a.fill(total(v.PartitionCapacity), total(v.PartitionUsed), total(v.PartitionRemaining))
		a.infer()
		return a
	}
	if m := f.Medium; m != nil {
		a.fill(notNegative(m.CapacityBytes), nil, notNegative(m.RemainingBytes))
	}
	if c := f.Capacity; c != nil {
		a.fill(signed(c.MaximumBytes), nil, signed(c.RemainingBytes))
	}
	if v != nil {
		a.fill(signed(v.CapacityBytes), signed(v.UsedBytes), total(v.PartitionRemaining))
	}
	if s := f.Sequential; s != nil {
		a.fill(sum(s.ToEarlyWarning, s.BehindWarning), signed(s.ToEndOfData), nil)
	}
	a.infer()
	return a
}

// fill takes the figures that are missing.
func (a *Amounts) fill(capacity, used, remaining *int64) {
	for _, figure := range []struct {
		to   **int64
		from *int64
	}{{&a.CapacityBytes, capacity}, {&a.UsedBytes, used}, {&a.RemainingBytes, remaining}} {
		if *figure.to == nil {
			*figure.to = figure.from
		}
	}
}

// infer reckons the figure that nobody gives from the other two. It is the last resort: each of them was
// rounded down.
func (a *Amounts) infer() {
	switch c, u, r := a.CapacityBytes, a.UsedBytes, a.RemainingBytes; {
	case c != nil && u == nil && r != nil && *c >= *r:
		a.UsedBytes = of(*c - *r)
	case c != nil && u != nil && r == nil && *c >= *u:
		a.RemainingBytes = of(*c - *u)
	}
}

// Ratios is how much smaller the data of this load got on its way to the tape: 2.5 is five bytes in the
// room of two. nil: nothing was moved, or nobody tells.
type Ratios struct {
	Written, Read *float64
	Page          string // "1Bh", "17h"; "" when nothing tells
}

// Ratios are those of page 1Bh or 32h, else of page 17h.
func (f *Facts) Ratios() Ratios {
	if c := f.Compression; c != nil && (c.WriteRatioPercent != nil || c.ReadRatioPercent != nil) {
		return Ratios{ratio(c.WriteRatioPercent), ratio(c.ReadRatioPercent), "1Bh"}
	}
	if v := f.Volume; v != nil && (v.WriteRatioPercent != nil || v.ReadRatioPercent != nil) {
		return Ratios{ratio(v.WriteRatioPercent), ratio(v.ReadRatioPercent), "17h"}
	}
	return Ratios{}
}

// ratio is nil for 0, which stands for no data.
func ratio(percent *uint64) *float64 {
	if percent == nil || *percent == 0 {
		return nil
	}
	return of(float64(*percent) / 100)
}

// Switch says whether the switch of the cartridge forbids to write: page 17h. nil when nobody tells.
func (f *Facts) Switch() *bool {
	if f.Volume == nil {
		return nil
	}
	return f.Volume.WriteProtected
}

// Kind is what the cartridge is for: "data", "worm", "cleaning"; "" unknown.
func (f *Facts) Kind() string {
	switch {
	case f.Ready.CleaningInside():
		return "cleaning"
	case f.Medium == nil:
		return ""
	case f.Medium.WORM:
		return "worm"
	case f.Medium.Generation != "":
		return "data"
	}
	return ""
}

// Disown forgets what is another's: of a drive that another process plays, where the tape is, what was
// moved in this load, what the drive does and with which key cannot be seen from here.
func (f *Facts) Disown() {
	f.Position, f.Compression, f.Encryption, f.Device = nil, nil, nil, nil
	if f.Volume != nil {
		v := *f.Volume
		v.WriteRatioPercent, v.ReadRatioPercent = nil, nil
		f.Volume = &v
	}
}

// Activity is what the drive does, in words; "" unknown.
func (f *Facts) Activity() string {
	switch {
	case f.Ready.State == tape.BecomingReady, f.Device == nil:
		return ""
	}
	return f.Device.ActivityName()
}

func notNegative(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// signed is nil for a number that is none of bytes on a tape.
func signed(n *uint64) *int64 {
	if n == nil || *n > math.MaxInt64 {
		return nil
	}
	return of(int64(*n))
}

func sum(a, b *uint64) *int64 {
	x, y := signed(a), signed(b)
	if x == nil || y == nil || *x > math.MaxInt64-*y {
		return nil
	}
	return of(*x + *y)
}

// total is the sum over the partitions; nil when one is not known, or there are none.
func total(list []scsi.PartitionValue) *int64 {
	var all *int64
	for i, p := range list {
		n := signed(p.Value)
		switch {
		case i == 0:
			all = n
		case n == nil || all == nil || *n > math.MaxInt64-*all:
			return nil
		default:
			all = of(*all + *n)
		}
	}
	return all
}
