package vtl

import (
	"calypso/vtl/image"
	"calypso/vtl/ssc"
)

// medium is an image as the drive's device server wants it.
type medium struct{ *image.Cartridge }

var _ ssc.Medium = medium{}

// Partition gives partition n, counted from 0.
func (m medium) Partition(n int) ssc.Partition { return m.Cartridge.Partition(n) }
