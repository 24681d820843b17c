package ssc

import (
	"bytes"
	"errors"
	"slices"
)

var errBadBlock = errors.New("test medium: bad block")

// memoryTape is a cartridge in memory: the simplest thing that can be a Medium.
type memoryTape struct {
	objects  []memoryObject
	capacity int64
	warning  int64
	meta     Meta
	others   []*memoryTape // partitions besides this one, which is the first

	aheads   []int64 // where ReadAhead was asked for
	synced   int     // how many objects are durable
	bad      map[int64]bool
	hidden   bool  // no filemark can be found
	damage   error // hides the rest of the tape
	writeErr error
	syncErr  error
	metaErr  error
}

type memoryObject struct {
	mark bool
	data []byte

	envelope bool
}

// objectCost is what an object takes of the capacity besides its data.
const objectCost = 8

func newTape() *memoryTape {
	return &memoryTape{
		capacity: 1 << 40,
		warning:  1 << 39,
		meta: Meta{Barcode: "V00001L8", Generation: "LTO-8", MediumSerial: "SN12345678",
			Manufacturer: "CALYPSO", ManufactureDate: "20250102", LoadCount: 1, CapacityBytes: 1 << 40},
	}
}

func (m *memoryTape) Objects() int64 { return int64(len(m.objects)) }

func (m *memoryTape) Filemarks() int64 { return m.FileNumber(m.Objects()) }

func (m *memoryTape) At(lba int64) (Object, error) {
	o := m.objects[lba]
	return Object{Filemark: o.mark, Envelope: o.envelope, Length: len(o.data)}, nil
}

func (m *memoryTape) ReadBlock(lba int64, buf []byte) (int, error) {
	if m.objects[lba].mark {
		panic("ReadBlock at a filemark")
	}
	if m.bad[lba] {
		return 0, errBadBlock
	}
	copy(buf, m.objects[lba].data)
	return len(m.objects[lba].data), nil
}

func (m *memoryTape) put(lba int64, o memoryObject) error {
	if m.writeErr != nil {
		return m.writeErr
	}
	m.cut(lba)
	if m.UsedBytes()+int64(len(o.data))+objectCost > m.capacity {
		return ErrFull
	}
	m.objects = append(m.objects, o)
	return nil
}

func (m *memoryTape) cut(lba int64) {
	m.objects = m.objects[:lba]
	m.synced = min(m.synced, int(lba))
}

func (m *memoryTape) WriteBlock(lba int64, p []byte) error {
	return m.put(lba, memoryObject{data: bytes.Clone(p)})
}

func (m *memoryTape) WriteEnvelope(lba int64, p []byte) error {
	return m.put(lba, memoryObject{envelope: true, data: bytes.Clone(p)})
}

// WriteFilemarks takes all or none.
func (m *memoryTape) WriteFilemarks(lba, n int64) error {
	if m.writeErr != nil {
		return m.writeErr
	}
	m.cut(lba)
	if m.UsedBytes()+n*objectCost > m.capacity {
		return ErrFull
	}
	for range n {
		m.objects = append(m.objects, memoryObject{mark: true})
	}
	return nil
}

func (m *memoryTape) Truncate(lba int64) error {
	if m.writeErr != nil {
		return m.writeErr
	}
	m.cut(lba)
	return nil
}

func (m *memoryTape) Sync() error {
	if m.syncErr != nil {
		return m.syncErr
	}
	m.synced = len(m.objects)
	return nil
}

func (m *memoryTape) FileNumber(lba int64) int64 {
	n := int64(0)
	for _, o := range m.objects[:lba] {
		if o.mark {
			n++
		}
	}
	return n
}

func (m *memoryTape) Damaged() error { return m.damage }

func (m *memoryTape) FilemarkAddress(n int64) (int64, bool) {
	if m.hidden {
		return 0, false
	}
	for i, o := range m.objects {
		if o.mark {
			if n == 0 {
				return int64(i), true
			}
			n--
		}
	}
	return 0, false
}

func (m *memoryTape) ReadAhead(lba int64) { m.aheads = append(m.aheads, lba) }

func (m *memoryTape) UsedBytes() int64 {
	used := int64(0)
	for _, o := range m.objects {
		used += int64(len(o.data)) + objectCost
	}
	return used
}

func (m *memoryTape) CapacityBytes() int64     { return m.capacity }
func (m *memoryTape) EarlyWarningBytes() int64 { return m.warning }

func (m *memoryTape) Meta() Meta {
	c := m.meta
	c.Attributes = slices.Clone(c.Attributes)
	return c
}

func (m *memoryTape) SetMeta(change func(*Meta)) error {
	if m.metaErr != nil {
		return m.metaErr
	}
	change(&m.meta)
	return nil
}

// tapeOf makes a tape of a picture: a letter is a block of one byte, a digit a block of so many bytes,
// '|' a filemark.
func tapeOf(picture string) *memoryTape {
	m := newTape()
	for _, c := range picture {
		switch {
		case c == '|':
			m.objects = append(m.objects, memoryObject{mark: true})
		case c >= '0' && c <= '9':
			m.objects = append(m.objects, memoryObject{data: bytes.Repeat([]byte{byte(c)}, int(c-'0'))})
		default:
			m.objects = append(m.objects, memoryObject{data: []byte{byte(c)}})
		}
	}
	return m
}

// picture is the inverse of tapeOf for single bytes; longer blocks show their first byte.
func (m *memoryTape) picture() string {
	var b []byte
	for _, o := range m.objects {
		if o.mark {
			b = append(b, '|')
		} else {
			b = append(b, o.data[0])
		}
	}
	return string(b)
}

func (m *memoryTape) Partitions() int { return 1 + len(m.others) }

func (m *memoryTape) Partition(n int) Partition { return m.partition(n) }

func (m *memoryTape) partition(n int) *memoryTape {
	if n == 0 {
		return m
	}
	return m.others[n-1]
}

func (m *memoryTape) Format(capacities []int64) error {
	if m.writeErr != nil {
		return m.writeErr
	}
	if len(capacities) == 0 {
		capacities = []int64{m.meta.CapacityBytes}
	}
	m.objects, m.others, m.meta.Partitions = nil, nil, capacities
	for i, capacity := range capacities {
		if i > 0 {
			m.others = append(m.others, &memoryTape{})
		}
		p := m.partition(i)
		p.capacity, p.warning = capacity, capacity/2
	}
	return nil
}
