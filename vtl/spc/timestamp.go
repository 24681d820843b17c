package spc

import (
	"math/bits"
	"time"

	"calypso/tape/scsi"
)

// Clock is the timestamp of a device (SPC-5): milliseconds since it was switched on or, once a host set
// it, since 1970 as that host has it. The zero value runs since 1970 and was never switched on.
type Clock struct {
	Zero int64 `json:"zero_unix_ms"` // when the timestamp was 0, by the clock of this machine
	Set  bool  `json:"set"`          // by SET TIMESTAMP
}

const (
	timestampLength = 12
	timestampMax    = 1<<48 - 1
	originPowerOn   = 0
	originSet       = 2
)

// PowerOn starts the timestamp at 0.
func (k *Clock) PowerOn() { *k = Clock{Zero: time.Now().UnixMilli()} }

// now is the timestamp, of 48 bits.
func (k *Clock) now() uint64 {
	return uint64(max(0, time.Now().UnixMilli()-k.Zero)) & timestampMax
}

func reportTimestamp(s Shared, c *Call) error {
	b := []byte{0, timestampLength - 2, originPowerOn, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if s.Clock.Set {
		b[2] = originSet
	}
	putUint48(b[4:], s.Clock.now())
	return c.Reply(b, int(c.U32(6)))
}

// setTimestamp is SET TIMESTAMP; the other hosts are told. A list of no bytes changes nothing.
func setTimestamp(s Shared, c *Call) error {
	n := c.U32(6)
	if n == 0 {
		return nil
	}
	if n != timestampLength {
		return Refuse(scsi.IllegalRequest, ParameterListLength)
	}
	list, err := c.Parameters(timestampLength)
	if err != nil {
		return err
	}
	for _, i := range []int{0, 1, 2, 3, 10, 11} {
		if list[i] != 0 {
			return BadParameter(i, bits.Len8(list[i])-1)
		}
	}
	*s.Clock = Clock{Zero: time.Now().UnixMilli() - uint48(list[4:]), Set: true}
	s.Attentions.AddOthers(c.Nexus, TimestampChanged)
	return nil
}

func putUint48(b []byte, n uint64) {
	for i := range 6 {
		b[i] = byte(n >> (8 * (5 - i)))
	}
}

func uint48(b []byte) int64 {
	var n int64
	for _, x := range b[:6] {
		n = n<<8 | int64(x)
	}
	return n
}
