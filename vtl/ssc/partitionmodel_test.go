package ssc

import (
	"encoding/binary"
	"fmt"

	"pgregory.net/rapid"
)

// The part of the model that is about partitions: each is a model of its own, and one is active.

func (mt *modelTest) activate(n int) {
	length := mt.model.blockLength
	mt.active, mt.model = n, mt.models[n]
	mt.model.at, mt.model.blockLength = 0, length
}

func (mt *modelTest) changePartition(t *rapid.T) {
	n := draw(t, "partition", 0, 3)
	if n >= len(mt.models) {
		mt.out(fmt.Sprintf("2B 02 00 00000000 00 %02x 00", n), "5/24/00 cdb[8]", nil)
		mt.out(fmt.Sprintf("92 02 00 %02x 0000000000000000 00000000", n), "5/24/00 cdb[3]", nil)
		return
	}
	mt.activate(n)
	at := draw(t, "object", 0, len(mt.model.objects)+1)
	if rapid.Bool().Draw(t, "16") {
		mt.out(fmt.Sprintf("92 02 00 %02x %016x 00000000", n, at), mt.model.locate(at), nil)
		return
	}
	mt.out(fmt.Sprintf("2B 02 00 %08x 00 %02x 00", at, n), mt.model.locate(at), nil)
}

// format divides the tape into partitions of sizes in bytes, of which one may be the rest.
func (mt *modelTest) format(t *rapid.T) {
	if draw(t, "really", 0, 3) > 0 {
		return
	}
	sizes := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 20, 40, 60, 80, 0xFFFF}), 1, 4).Draw(t, "sizes")
	capacity := int(mt.r.m.meta.CapacityBytes)
	capacities, fits := share(capacity, max(capacity/104, 1), sizes)
	list := append(unhex(mt.r, "00 00 10 00 11 0e 03 00 24 03 00 00"), make([]byte, 8)...)
	list[7] = byte(len(sizes) - 1)
	list[4+4] = 0x04 | 0x20 // POFM, IDP, bytes
	for i, size := range sizes {
		binary.BigEndian.PutUint16(list[12+2*i:], uint16(size))
	}
	if !fits {
		mt.out("15 10 00 00 14 00", "5/26/00", list)
		return
	}
	mt.out("15 10 00 00 14 00", "good", list)
	if mt.active != 0 || mt.model.at != 0 {
		mt.out("04 00 01 00 00 00", "5/3b/0c", nil)
		mt.activate(0)
		mt.out("2B 02 00 00000000 00 00 00", "good", nil)
	}
	length := mt.model.blockLength
	mt.models = nil
	for _, c := range capacities {
		mt.models = append(mt.models, &model{capacity: c, warning: c / 2, blockLength: length})
	}
	mt.active, mt.model = 0, mt.models[0]
	mt.out("04 00 01 00 00 00", "good", nil)
	for i, c := range capacities {
		if got := mt.r.m.partition(i).capacity; got != int64(c) {
			mt.T.Fatalf("partition %d of %v in %d: capacity %d, want %d", i, sizes, capacity, got, c)
		}
	}
}

// share gives a tape to partitions as a person would: first everybody what they asked for, then the
// rest to the one that wants it. A tape that is not divided is whole.
func share(capacity, least int, sizes []int) (capacities []int, fits bool) {
	if len(sizes) == 1 {
		return []int{capacity}, true
	}
	left, rest := capacity, 0
	for _, size := range sizes {
		if size == 0xFFFF {
			rest++
			size = 0
		}
		capacities = append(capacities, max(size, least))
		left -= max(size, least)
	}
	for i, size := range sizes {
		if size == 0xFFFF {
			capacities[i] += left
		}
	}
	return capacities, left >= 0 && rest < 2
}
