package ssc

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// model is a tape as a person would explain it: a row of objects and a position between them. It goes
// one object at a time, so that none of the server's arithmetic is in it.
type model struct {
	objects     []memoryObject
	at          int
	blockLength int
	capacity    int
	warning     int
}

func (m *model) used() int {
	n := 0
	for _, o := range m.objects {
		n += len(o.data) + objectCost
	}
	return n
}

func (m *model) endIsNear() bool { return m.at == len(m.objects) && m.used() >= m.warning }

// write appends an object at the position; false: it does not fit.
func (m *model) write(o memoryObject) bool {
	m.objects = m.objects[:m.at:m.at]
	if m.used()+len(o.data)+objectCost > m.capacity {
		return false
	}
	m.objects = append(m.objects, o)
	m.at++
	return true
}

// writeAll writes objects; residual is what is left of a transfer when so many are done.
func (m *model) writeAll(objects []memoryObject, residual func(done int) int) string {
	for i, o := range objects {
		if !m.write(o) {
			return fmt.Sprintf("d/00/02 EOM info=%d", residual(i))
		}
	}
	if len(objects) > 0 && m.endIsNear() {
		return "0/00/02 EOM info=0"
	}
	return "good"
}

func (m *model) endOfData(residual int) string {
	if m.endIsNear() {
		return fmt.Sprintf("8/00/05 EOM info=%d", residual)
	}
	return fmt.Sprintf("8/00/05 info=%d", residual)
}

func (m *model) readVariable(n int, sili bool) (string, []byte) {
	switch {
	case n == 0:
		return "good", nil
	case m.at == len(m.objects):
		return m.endOfData(n), nil
	}
	o := m.objects[m.at]
	m.at++
	if o.mark {
		return fmt.Sprintf("0/00/01 FM info=%d", n), nil
	}
	data := o.data[:min(n, len(o.data))]
	quiet := sili && (len(o.data) < n || m.blockLength == 0)
	if len(o.data) == n || quiet {
		return "good", data
	}
	return fmt.Sprintf("0/00/00 ILI info=%d", n-len(o.data)), data
}

func (m *model) readFixed(blocks int) (string, []byte) {
	var data []byte
	for left := blocks; left > 0; left-- {
		if m.at == len(m.objects) {
			return m.endOfData(left), data
		}
		o := m.objects[m.at]
		m.at++
		switch {
		case o.mark:
			return fmt.Sprintf("0/00/01 FM info=%d", left), data
		case len(o.data) != m.blockLength:
			return fmt.Sprintf("0/00/00 ILI info=%d", left), data
		}
		data = append(data, o.data...)
	}
	return "good", data
}

func (m *model) space(marks bool, count int) string {
	for ; count > 0; count-- {
		if m.at == len(m.objects) {
			return m.endOfData(count)
		}
		m.at++
		if !m.objects[m.at-1].mark {
			if marks {
				count++
			}
		} else if !marks {
			return fmt.Sprintf("0/00/01 FM info=%d", count)
		}
	}
	for ; count < 0; count++ {
		if m.at == 0 {
			return fmt.Sprintf("0/00/04 EOM info=%d", -count)
		}
		m.at--
		if !m.objects[m.at].mark {
			if marks {
				count--
			}
		} else if !marks {
			return fmt.Sprintf("0/00/01 FM info=%d", -count)
		}
	}
	return "good"
}

func (m *model) locate(at int) string {
	if m.at = min(at, len(m.objects)); m.at < at {
		return m.endWithout()
	}
	return "good"
}

func (m *model) locateFile(n int) string {
	m.at = 0
	for ; n > 0; m.at++ {
		if m.at == len(m.objects) {
			return m.endWithout()
		}
		if m.objects[m.at].mark {
			n--
		}
	}
	return "good"
}

func (m *model) endWithout() string {
	if m.endIsNear() {
		return "8/00/05 EOM"
	}
	return "8/00/05"
}

// modelTest runs the same commands on a drive and on the model.
type modelTest struct {
	*rapid.T
	r      *rig
	model  *model // the active one of
	models []*model
	active int
}

func (mt *modelTest) compare(what, got, want string, data, wantData []byte) {
	if got != want || !bytes.Equal(data, wantData) {
		mt.T.Fatalf("%s = %s %q, want %s %q", what, got, data, want, wantData)
	}
	if at := mt.r.s.heads.Partition; mt.r.s.position != int64(mt.model.at) || at != mt.active {
		mt.T.Fatalf("%s leaves position %d of partition %d, want %d of %d", what, mt.r.s.position, at, mt.model.at, mt.active)
	}
}

func (mt *modelTest) out(cdb, want string, data []byte) {
	got := mt.r.senseOut(cdb, data)
	mt.compare(cdb, got, want, nil, nil)
}

func (mt *modelTest) in(cdb, want string, wantData []byte) {
	data, err := mt.r.exec(cdb, nil, 64)
	mt.compare(cdb, describe(mt.r, err), want, data, wantData)
}

func draw(t *rapid.T, label string, low, high int) int {
	return rapid.IntRange(low, high).Draw(t, label)
}

func (mt *modelTest) writeVariable(t *rapid.T) {
	data := rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "block")
	var objects []memoryObject
	if len(data) > 0 {
		objects = []memoryObject{{data: data}}
	}
	want := mt.model.writeAll(objects, func(int) int { return len(data) })
	mt.out(fmt.Sprintf("0A 00 0000 %02x 00", len(data)), want, data)
}

func (mt *modelTest) writeFixed(t *rapid.T) {
	n, length := draw(t, "blocks", 0, 4), mt.model.blockLength
	data := rapid.SliceOfN(rapid.Byte(), n*length, n*length).Draw(t, "data")
	want := "5/24/00 cdb[1].0"
	if length > 0 {
		var objects []memoryObject
		for i := range n {
			objects = append(objects, memoryObject{data: data[i*length : (i+1)*length]})
		}
		want = mt.model.writeAll(objects, func(done int) int { return n - done })
	}
	mt.out(fmt.Sprintf("0A 01 0000 %02x 00", n), want, data)
}

func (mt *modelTest) writeFilemarks(t *rapid.T) {
	n, immediate := draw(t, "filemarks", 0, 3), draw(t, "IMMED", 0, 1)
	objects := make([]memoryObject, n)
	for i := range objects {
		objects[i].mark = true
	}
	want := mt.model.writeAll(objects, func(done int) int { return n - done })
	mt.out(fmt.Sprintf("10 %02x 0000 %02x 00", immediate, n), want, nil)
}

func (mt *modelTest) readVariable(t *rapid.T) {
	n, sili := draw(t, "length", 0, 6), draw(t, "SILI", 0, 1)
	want, data := mt.model.readVariable(n, sili == 1)
	mt.in(fmt.Sprintf("08 %02x 0000 %02x 00", sili<<1, n), want, data)
}

func (mt *modelTest) readFixed(t *rapid.T) {
	n := draw(t, "blocks", 0, 6)
	want, data := "5/24/00 cdb[1].0", []byte(nil)
	if mt.model.blockLength > 0 {
		want, data = mt.model.readFixed(n)
	}
	mt.in(fmt.Sprintf("08 01 0000 %02x 00", n), want, data)
}

func (mt *modelTest) space(t *rapid.T) {
	marks, n, long := rapid.Bool().Draw(t, "filemarks"), draw(t, "count", -8, 8), rapid.Bool().Draw(t, "16")
	code := map[bool]int{false: 0, true: 1}[marks]
	cdb := fmt.Sprintf("11 %02x %06x 00", code, uint32(n)&0xFFFFFF)
	if long {
		cdb = fmt.Sprintf("91 %02x 0000 %016x 0000 00 00", code, uint64(int64(n)))
	}
	mt.out(cdb, mt.model.space(marks, n), nil)
}

func (mt *modelTest) locate(t *rapid.T) {
	at := draw(t, "object", 0, len(mt.model.objects)+2)
	if rapid.Bool().Draw(t, "16") {
		mt.out(fmt.Sprintf("92 00 00 00 %016x 000000 00", at), mt.model.locate(at), nil)
		return
	}
	mt.out(fmt.Sprintf("2B 00 00 %08x 00 00 00", at), mt.model.locate(at), nil)
}

func (mt *modelTest) locateFile(t *rapid.T) {
	n := draw(t, "file", 0, 6)
	mt.out(fmt.Sprintf("92 08 00 00 %016x 000000 00", n), mt.model.locateFile(n), nil)
}

func (mt *modelTest) endOfData(*rapid.T) {
	mt.model.at = len(mt.model.objects)
	mt.out("11 03 000000 00", "good", nil)
}

func (mt *modelTest) rewind(*rapid.T) {
	mt.model.at = 0
	mt.out("01 00 00 00 00 00", "good", nil)
}

func (mt *modelTest) erase(*rapid.T) {
	mt.model.objects = mt.model.objects[:mt.model.at]
	mt.out("19 00 00 00 00 00", "good", nil)
}

func (mt *modelTest) setBlockLength(t *rapid.T) {
	n := draw(t, "block length", 0, 4)
	mt.model.blockLength = n
	mt.out("15 10 00 00 0C 00", "good", []byte{0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0, byte(n)})
}

// check compares the whole tape and what READ POSITION tells.
func (mt *modelTest) check(*rapid.T) {
	objects := mt.r.m.partition(mt.active).objects
	if len(objects) != len(mt.model.objects) {
		mt.T.Fatalf("%d objects on the tape, want %d", len(objects), len(mt.model.objects))
	}
	file := 0
	for i, o := range mt.model.objects {
		got := objects[i]
		if got.mark != o.mark || !bytes.Equal(got.data, o.data) {
			mt.T.Fatalf("object %d = %v, want %v", i, got, o)
		}
		if i < mt.model.at && o.mark {
			file++
		}
	}
	data, err := mt.r.exec("34 06 00 00 00 00 00 00 00 00", nil, 32)
	if err != nil {
		mt.T.Fatal(err)
	}
	flags := byte(0)
	if mt.model.at == 0 {
		flags |= 0x80
	}
	if mt.model.endIsNear() {
		flags |= 0x41
	}
	if data[0] != flags || data[7] != byte(mt.active) || data[15] != byte(mt.model.at) || data[23] != byte(file) {
		mt.T.Fatalf("READ POSITION = % x, want flags %02x, object %d, file %d", data, flags, mt.model.at, file)
	}
}

func TestDriveIsATape(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newTape()
		m.capacity = int64(draw(rt, "capacity", 20, 300))
		m.warning = int64(draw(rt, "early warning", 1, int(m.capacity)))
		m.meta.CapacityBytes = m.capacity
		first := &model{capacity: int(m.capacity), warning: int(m.warning)}
		mt := &modelTest{T: rt, r: newRig(t, m), model: first, models: []*model{first}}
		rt.Repeat(map[string]func(*rapid.T){
			"":               mt.check,
			"write variable": mt.writeVariable,
			"write fixed":    mt.writeFixed,
			"filemarks":      mt.writeFilemarks,
			"read variable":  mt.readVariable,
			"read fixed":     mt.readFixed,
			"space":          mt.space,
			"locate":         mt.locate,
			"locate file":    mt.locateFile,
			"end of data":    mt.endOfData,
			"rewind":         mt.rewind,
			"erase":          mt.erase,
			"block length":   mt.setBlockLength,
			"partition":      mt.changePartition,
			"partition too":  mt.changePartition,
			"format":         mt.format,
		})
	})
}
