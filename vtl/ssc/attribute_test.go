package ssc

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
	"testing"
)

// readAttributes is READ ATTRIBUTE from an identifier on with a service action and room.
func (r *rig) readAttributes(action byte, first uint16, room int) ([]byte, error) {
	r.Helper()
	cdb := fmt.Sprintf("8C %02x 0000 00 00 00 00 %04x %08x 00 00", action, first, room)
	return r.exec(cdb, nil, max(room, 1))
}

func attributeRig(t *testing.T) *rig {
	m := newTape()
	m.capacity, m.warning = 12_000_000_000_000, 11_900_000_000_000
	m.objects = []memoryObject{{data: make([]byte, 3<<20)}}
	m.meta.LoadCount = 7
	m.meta.LifetimeWrittenBytes, m.meta.LifetimeReadBytes = 5<<20, 6<<20+1
	m.meta.Attributes = []Attribute{{ID: 0x0806, Format: 1, Value: []byte("V00001L8                        ")}}
	return newRig(t, m)
}

func TestReadAttributeValues(t *testing.T) {
	r := attributeRig(t)
	r.s.traffic.MediumWrittenBytes, r.s.traffic.MediumReadBytes = 1<<20, 2<<20
	got, err := r.readAttributes(0, 0, 4096)
	if err != nil {
		t.Fatal(err)
	}
	pad := func(s string, n int) []byte { return append([]byte(s), bytes.Repeat([]byte(" "), n-len(s))...) }
	var want []byte
	add := func(header string, value []byte) { want = append(append(want, unhex(t, header)...), value...) }
	add("0000 80 0008", unhex(t, "0000000000ae9f78")) // 12e12 less 3 MiB and 8 bytes: 11444088.2 MiB
	add("0001 80 0008", unhex(t, "0000000000ae9f7b")) // 11444091 MiB
	add("0002 80 0008", unhex(t, "0000000000000000"))
	add("0003 80 0008", unhex(t, "0000000000000007"))
	add("0004 80 0008", unhex(t, "0000000000003fbb")) // 16352 less 5 and 32
	add("0005 81 0008", pad("LTO-CVE", 8))
	add("0006 80 0001", unhex(t, "5e"))
	add("0007 80 0002", unhex(t, "0001"))
	add("0008 81 0020", pad("V00001L8", 32))
	add("0009 80 0004", unhex(t, "00000000"))
	add("0220 80 0008", unhex(t, "0000000000000005"))
	add("0221 80 0008", unhex(t, "0000000000000006"))
	add("0222 80 0008", unhex(t, "0000000000000001"))
	add("0223 80 0008", unhex(t, "0000000000000002"))
	add("0224 80 0008", unhex(t, "ffffffffffffffff"))
	add("0225 80 0008", unhex(t, "ffffffffffffffff"))
	add("0340 80 005a", unhex(t, "000000000001 000000000000 000000000002 000000000000"+ // this load
		"000000000000 000000000000 000000000000 000000000000"+ // the one before
		"000000000005 000000000000 000000000006 000000000000"+ // its life
		"000000000007 000000000000 000000000001"))
	add("0341 80 003c", unhex(t, "00000001 00000000 00000002 00000000  00000000 00000000 00000000 00000000"+
		"00000005 00000000 00000006 00000000  00000007 00000000 00000001"))
	add("0400 81 0008", pad("CALYPSO", 8))
	add("0401 81 0020", pad("SN12345678", 32))
	add("0402 80 0004", unhex(t, "000003c0")) // 960 m
	add("0403 80 0004", unhex(t, "0000007f")) // 12.7 mm
	add("0404 81 0008", pad("LTO-CVE", 8))
	add("0405 80 0001", unhex(t, "5e"))
	add("0406 81 0008", []byte("20250102"))
	add("0407 80 0008", unhex(t, "0000000000003fe0"))
	add("0408 80 0001", unhex(t, "00"))
	add("0409 80 0002", unhex(t, "0000"))
	add("040b 80 000a", unhex(t, "5e 00 00 00 00 00 00 00 00 00"))
	add("0806 01 0020", pad("V00001L8", 32))
	length := []byte{0, 0, byte(len(want) >> 8), byte(len(want))}
	wantBytes(t, "values", got, append(length, want...))

	short, err := r.readAttributes(0, 0, 17)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "values, cut", short, append(length, want...)[:17])
	last, err := r.readAttributes(0, 0x0806, 4096)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "values from 0806h", last, append([]byte{0, 0, 0, 37}, want[len(want)-37:]...))
}

func TestReadAttributeList(t *testing.T) {
	r := attributeRig(t)
	got, err := r.readAttributes(1, 0x0404, 4096)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "list", got, unhex(t, "00000010 0404 0405 0406 0407 0408 0409 040b 0806"))
}

func TestReadAttributeRefusals(t *testing.T) {
	r := attributeRig(t)
	for _, action := range []byte{0, 1} {
		_, err := r.readAttributes(action, 0x0801, 4096) // not written: does not exist
		if got := describe(t, err); got != "5/24/00 cdb[8]" {
			t.Errorf("service action %d from an absent attribute = %s, want 5/24/00 cdb[8]", action, got)
		}
	}
	r.want("8C 00 00 00 00 00 00 01 00 00 00 00 01 00 00 00", "5/24/00 cdb[7]")   // partition
	r.want("8C 00 00 00 00 01 00 00 00 00 00 00 01 00 00 00", "5/24/00 cdb[5].0") // logical volume
	r.want("8C 00 00 01 00 00 00 00 00 00 00 00 01 00 00 00", "5/24/00 cdb[3].0") // element
	r.want("8C 00 00 00 00 00 00 00 00 00 00 00 01 00 01 00", "good")             // CACHE
}

// writeAttributes is WRITE ATTRIBUTE with a parameter list in hexadecimal.
func (r *rig) writeAttributes(list string) string {
	r.Helper()
	b := unhex(r, list)
	return r.senseOut(fmt.Sprintf("8D 01 0000 00 00 00 00 0000 %08x 00 00", len(b)), b)
}

func TestWriteAttribute(t *testing.T) {
	r := attributeRig(t)
	if got := r.writeAttributes("00000018 0801 01 0003 616263  0805 00 0001 81  0808 02 0002 4142"); got != "5/26/00 param[0]" {
		t.Errorf("wrong length field = %s", got)
	}
	if got := r.writeAttributes("00000015 0801 01 0003 616263  0805 00 0001 81  0808 02 0002 4142"); got != "good" {
		t.Fatalf("WRITE ATTRIBUTE = %s", got)
	}
	got, err := r.readAttributes(0, 0x0801, 4096)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "written", got[4:28], unhex(t, "0801 01 0003 616263  0805 00 0001 81  0806 01 0020 56303030"+"3031")[:24])
	// LTFS counts the length field itself too.
	if got := r.writeAttributes("0000000c 0801 01 0003 646566"); got != "good" {
		t.Errorf("length with header = %s", got)
	}
	// A length of 0 deletes; deleting what is not there is no error.
	if got := r.writeAttributes("0000000f 0801 01 0000  0803 02 0000  0806 01 0000"); got != "good" {
		t.Errorf("delete = %s", got)
	}
	list, _ := r.readAttributes(1, 0x0409, 4096)
	wantBytes(t, "list after delete", list, unhex(t, "00000008 0409 040b 0805 0808"))
	r.want("8D 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "good") // no list
}

func TestWriteAttributeRefusals(t *testing.T) {
	tests := []struct{ name, list, sense string }{
		{"device attribute", "0000000d 0000 00 0008 0000000000000001", "5/26/00 param[4]"},
		{"medium attribute", "0000000d 0400 01 0008 4142434445464748", "5/26/00 param[4]"},
		{"unknown host attribute", "00000006 0BFF 01 0001 41", "5/26/00 param[4]"},
		{"format", "00000006 0801 00 0001 41", "5/26/00 param[6]"},
		{"read only", "00000006 0801 81 0001 41", "5/26/00 param[6]"},
		{"too long", "0000000e 0800 01 0009 414243444546474849", "5/26/00 param[7]"},
		{"binary of another length", "00000007 0805 00 0002 0000", "5/26/00 param[7]"},
		{"not ascending", "0000000c 0803 02 0001 41 0801 01 0001 41", "5/26/00 param[10]"},
		{"twice", "0000000c 0801 01 0001 41 0801 01 0001 42", "5/26/00 param[10]"},
		{"half a header", "00000003 0801 01", "5/1a/00"},
		{"half a value", "00000007 0801 01 0003 4142", "5/1a/00"},
		{"half a length", "000000", "5/1a/00"},
		{"the second is wrong", "0000000b 0801 01 0001 41 0900 01 0000", "5/26/00 param[10]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := attributeRig(t)
			if got := r.writeAttributes(tt.list); got != tt.sense {
				t.Errorf("WRITE ATTRIBUTE = %s, want %s", got, tt.sense)
			}
			if len(r.m.meta.Attributes) != 1 {
				t.Errorf("a refused list changed the attributes: %+v", r.m.meta.Attributes)
			}
		})
	}
	r := attributeRig(t)
	r.want("8D 01 00 00 00 00 00 00 00 00 00 01 00 00 00 00", "5/24/00 cdb[10]")
	if got := r.senseOut("8D 01 00 00 00 00 00 00 00 00 00 00 00 0A 00 00", make([]byte, 9)); got != "b/4b/00" {
		t.Errorf("10 bytes announced, 9 sent = %s, want b/4b/00", got)
	}
}

func TestWriteAttributeProtectedAndBroken(t *testing.T) {
	r := attributeRig(t)
	r.s.memory.WriteProtect = true
	if got := r.writeAttributes("00000006 0801 01 0001 41"); got != "7/27/00" {
		t.Errorf("write protected = %s, want 7/27/00", got)
	}
	r = attributeRig(t)
	r.m.metaErr = syscall.ENOSPC
	list := unhex(t, "00000006 0801 01 0001 41")
	_, err := r.exec("8D 01 00 00 00 00 00 00 00 00 00 00 00 0A 00 00", list, 0)
	if got := describe(t, err); got != "3/04/10" || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("host disk full = %s (%v), want 3/04/10 with the cause", got, err)
	}
}

func TestCartridgeMemoryIsFull(t *testing.T) {
	r := attributeRig(t)
	r.m.meta.Attributes = []Attribute{{ID: 0x080C, Value: make([]byte, memoryBytes-5-20)}}
	if got := r.writeAttributes("00000010 0801 01 000b 4142434445464748494a4b"); got != "good" {
		t.Errorf("the last bytes = %s, want good", got)
	}
	if got := r.writeAttributes("00000019 0803 02 0014 4142434445464748494a4b4c4d4e4f5051525354"); got != "5/55/06" {
		t.Errorf("no room = %s, want 5/55/06", got)
	}
}

func TestWORMMediumType(t *testing.T) {
	r := attributeRig(t)
	r.m.meta.WORM = true
	got, _ := r.readAttributes(0, 0x0408, 10)
	wantBytes(t, "medium type", got[4:], unhex(t, "0408 80 0001 80"))
}

func TestReadAttributeLists(t *testing.T) {
	r := attributeRig(t)
	volumes, err := r.readAttributes(2, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "logical volume list", volumes, unhex(t, "0002 00 01"))
	partitions, err := r.readAttributes(3, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "partition list", partitions, unhex(t, "0002 00 01"))
	supported, err := r.readAttributes(5, 0, 4096)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "supported attributes", supported, unhex(t, `0000 0062
		0000 0001 0002 0003 0004 0005 0006 0007 0008 0009  020a 020b 020c 020d  0220 0221 0222 0223 0224 0225  0340 0341
		0400 0401 0402 0403 0404 0405 0406 0407 0408 0409 040b
		0800 0801 0802 0803 0804 0805 0806 0807 0808 0809 080a 080b 080c  0820 0821  1623`))
	rest, err := r.readAttributes(5, 0x0820, 4096)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "supported attributes from 0820h", rest, unhex(t, "00000006 0820 0821 1623"))
	r.want("8C 05 00 00 00 00 00 01 00 00 00 00 01 00 00 00", "5/24/00 cdb[7]")
	r.want("8C 04 00 00 00 00 00 00 00 00 00 00 01 00 00 00", "5/24/00 cdb[1].4")
}

func TestMediumTypeOfCleaning(t *testing.T) {
	r := attributeRig(t)
	r.m.meta.Cleaning, r.m.meta.CleaningsLeft = true, 50
	got, _ := r.readAttributes(0, 0x0408, 17)
	wantBytes(t, "medium type", got[4:], unhex(t, "0408 80 0001 01  0409 80 0002 0032"))
}
