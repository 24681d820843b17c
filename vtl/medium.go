package vtl

import (
	"calypso/vtl/image"
	"calypso/vtl/ssc"
)

// medium is an image as the drive's device server wants it.
type medium struct{ *image.Tape }

var _ ssc.Medium = medium{}

// Partitions is 1.
func (m medium) Partitions() int { return 1 }

// Partition gives the only one.
func (m medium) Partition(int) ssc.Partition { return m.Tape }
