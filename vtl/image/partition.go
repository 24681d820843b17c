package image

import (
	"errors"
	"fmt"
	"slices"
)

// MaxPartitions is the most partitions that a cartridge can have: LTO-6 and later (SSC-5, medium
// partition mode page: three additional ones).
const MaxPartitions = 4

// dataFile is the name of the file of partition n.
func dataFile(n int) string { return fmt.Sprintf("partition-%d.tap", n) }

// sidecarName is the name of a sidecar of partition n. The first one, which was the only one once, has
// the plain name.
func sidecarName(name string, n int) string {
	if n == 0 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, n)
}

// partitions is how many there are.
func (m *Meta) partitions() int { return max(len(m.Partitions), 1) }

// capacityOf is the capacity of partition n in bytes.
func (m *Meta) capacityOf(n int) int64 {
	if len(m.Partitions) == 0 {
		return m.CapacityBytes
	}
	return m.Partitions[n]
}

// checkPartitions holds for what Format was given as for what a file says.
func (m *Meta) checkPartitions() error {
	if n := len(m.Partitions); n == 1 || n > MaxPartitions {
		return fmt.Errorf("%d partitions; a list has 2 to %d", n, MaxPartitions)
	}
	left := m.CapacityBytes
	for _, capacity := range m.Partitions {
		if capacity < 1 || capacity > left {
			return fmt.Errorf("partitions of %d bytes do not fit into %d", m.Partitions, m.CapacityBytes)
		}
		left -= capacity
	}
	return nil
}

// sameLayout holds for SetMeta: only Format divides a tape.
func (m *Meta) sameLayout(other *Meta) error {
	if m.CapacityBytes != other.CapacityBytes || !slices.Equal(m.Partitions, other.Partitions) {
		return errors.New("only a format changes the partitions of a tape")
	}
	return nil
}
