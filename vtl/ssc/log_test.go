package ssc

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"calypso/tape/scsi"
)

// statsRig is an LTO-8 drive with a clock that the test moves.
type statsRig struct {
	*rig
	clock time.Time
}

func newStatsRig(t testing.TB, c Config, m *memoryTape) *statsRig {
	t.Helper()
	r := &statsRig{clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	c.Now = func() time.Time { return r.clock }
	if c.Generation == "" {
		c.Generation, c.Serial = "LTO-8", "CAL0000001"
	}
	s, err := New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.rig = &rig{t, s, m}
	if m != nil {
		r.insert(m)
	}
	r.settle()
	return r
}

func (r *statsRig) insert(m *memoryTape) {
	r.Helper()
	r.m = m
	if err := r.s.Insert(m, m.meta.Barcode); err != nil {
		r.Fatal(err)
	}
}

// settle takes the unit attentions.
func (r *statsRig) settle() {
	for range 5 {
		r.sense("00 00 00 00 00 00")
	}
}

// page reads a log page.
func (r *rig) page(code byte) []byte {
	r.Helper()
	b, err := r.exec(fmt.Sprintf("4D 00 %02x 00 00 00 00 FF FF 00", 0x40|code), nil, 0xFFFF)
	if err != nil {
		r.Fatalf("LOG SENSE %02xh: %v", code, err)
	}
	return b
}

// wantPage compares a log page with its header and parameters in hexadecimal; '...' at the end leaves the
// rest out.
func (r *rig) wantPage(code byte, want string) {
	r.Helper()
	got := r.page(code)
	head, open := strings.CutSuffix(strings.TrimSpace(want), "...")
	b := unhex(r, head)
	if open && len(got) > len(b) {
		got = got[:len(b)]
	}
	wantBytes(r, fmt.Sprintf("log page %02xh", code), got, b)
}

func ascii(s string, n int) string { return fmt.Sprintf("%x", s+strings.Repeat(" ", n-len(s))) }

// bigTape is a cartridge of 12 TB with a round early warning.
func bigTape() *memoryTape {
	m := newTape()
	m.capacity, m.warning = 12_000_000_000_000, 11_900_000_000_000
	m.meta.LifetimeWrittenBytes, m.meta.LifetimeReadBytes = 70_000_000, 8_000_000
	return m
}

// writeMegabytes writes so many blocks of a million bytes.
func (r *rig) writeMegabytes(n int) {
	r.Helper()
	block := make([]byte, 1_000_000)
	for range n {
		if got := r.senseOut("0A 00 0F 42 40 00", block); got != "good" {
			r.Fatalf("WRITE(6) = %s", got)
		}
	}
}

func (r *rig) readMegabyte() {
	r.Helper()
	if _, err := r.exec("08 00 0F 42 40 00", nil, 1_000_000); err != nil {
		r.Fatalf("READ(6): %v", err)
	}
}

// workedRig is a drive that was loaded for two hours, wrote three blocks and a filemark, and read a block.
func workedRig(t testing.TB) *statsRig {
	r := newStatsRig(t, Config{}, bigTape())
	r.writeMegabytes(3)
	r.want("10 00 00 00 01 00", "good")
	r.want("01 00 00 00 00 00", "good")
	r.readMegabyte()
	r.clock = r.clock.Add(2 * time.Hour)
	return r
}

func TestSupportedLogPages(t *testing.T) {
	r := newStatsRig(t, Config{}, nil)
	r.wantPage(0x00, "00 00 000f 00 02 03 0c 0d 11 12 14 16 17 1b 2e 30 31 32")
	got, err := r.exec("4D 00 40 FF 00 00 00 00 FF 00", nil, 255)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "with subpages", got, unhex(t, "40 ff 0020 0000 00ff 0200 0300 0c00 0d00 1100 1200 1400 1600 1700 1b00 2e00 3000 3100 3200"))
	r.want("4D 00 7A 00 00 00 00 00 FF 00", "5/24/00 cdb[2].5")
	r.want("4D 02 42 00 00 00 00 00 FF 00", "5/24/00 cdb[1].1") // PPC
}

// TestDataPages: the pages about data, with the exact amounts of what was done.
func TestDataPages(t *testing.T) {
	r := workedRig(t)
	zeros := "0000 40 04 00000000 0001 40 04 00000000 0002 40 04 00000000 0003 40 04 00000000 0004 40 04 00000000"
	r.wantPage(0x02, "02 00 003c "+zeros+" 0005 40 08 00000000002dc6c0 0006 40 04 00000000")
	r.wantPage(0x03, "03 00 003c "+zeros+" 0005 40 08 00000000000f4240 0006 40 04 00000000")
	r.wantPage(0x0C, `0c 00 0064
		0000 40 08 00000000002dc6c0  0001 40 08 00000000002dc6c0  0002 40 08 00000000000f4240  0003 40 08 00000000000f4240
		0004 40 04 00000003  0005 40 04 00b59460  0006 40 04 000186a0  0007 40 04 00000000
		0008 40 04 00000000  0100 40 08 0000000000000000`)
	r.wantPage(0x1B, `1b 00 0051  0000 43 02 0064  0001 43 02 0064
		0002 43 04 00000001 0003 43 04 00000000  0004 43 04 00000001 0005 43 04 00000000
		0006 43 04 00000003 0007 43 04 00000000  0008 43 04 00000003 0009 43 04 00000000  0100 43 01 00`)
	r.wantPage(0x32, `32 00 004c  0000 40 02 0064  0001 40 02 0064
		0002 40 04 00000001 0003 40 04 00000000  0004 40 04 00000001 0005 40 04 00000000
		0006 40 04 00000003 0007 40 04 00000000  0008 40 04 00000003 0009 40 04 00000000`)
	r.wantPage(0x0D, "0d 00 000c 0000 43 02 001e 0001 43 02 0032")
	// What the drive compresses shows as a ratio: 2,500,001 bytes of 5 million.
	r.s.traffic = Traffic{HostWrittenBytes: 5_000_000, MediumWrittenBytes: 2_500_001}
	r.wantPage(0x1B, `1b 00 0051  0000 43 02 0000  0001 43 02 00c7
		0002 43 04 00000000 0003 43 04 00000000  0004 43 04 00000000 0005 43 04 00000000
		0006 43 04 00000005 0007 43 04 00000000  0008 43 04 00000002 0009 43 04 0007a121 ...`)
}

func TestLogSelectResets(t *testing.T) {
	r := workedRig(t)
	zeros := "0000 40 04 00000000 0001 40 04 00000000 0002 40 04 00000000 0003 40 04 00000000 0004 40 04 00000000"
	r.want("4C 02 42 00 00 00 00 00 00 00", "good")
	r.wantPage(0x02, "02 00 003c "+zeros+" 0005 40 08 0000000000000000 0006 40 04 00000000")
	r.wantPage(0x03, "03 00 003c "+zeros+" 0005 40 08 00000000000f4240 0006 40 04 00000000")
	r.want("4C 02 40 00 00 00 00 00 00 00", "good")
	r.readMegabyte()
	r.wantPage(0x03, "03 00 003c "+zeros+" 0005 40 08 00000000000f4240 0006 40 04 00000000")
	r.wantPage(0x0C, `0c 00 0064
		0000 40 08 0000000000000000  0001 40 08 0000000000000000  0002 40 08 00000000000f4240  0003 40 08 00000000000f4240
		0004 40 04 00000003 ...`)
	r.wantPage(0x1B, "1b 00 0051  0000 43 02 0064  0001 43 02 0000 0002 43 04 00000001 ...")
	if got := r.s.traffic.HostWrittenBytes; got != 3_000_000 {
		t.Errorf("the reset of log pages changed the traffic of the load: %d", got)
	}
}

func TestVolumePages(t *testing.T) {
	r := workedRig(t)
	r.wantPage(0x17, `17 00 01b6
		0000 43 01 01  0001 43 04 00000002  0002 43 08 0000000000000001  0003 43 04 00000000  0004 43 02 0000
		0005 43 02 0000  0006 43 02 0000  0007 43 08 0000000000000001  0008 43 04 00000000  0009 43 02 0000
		000a 43 02 0000  000b 43 02 0000  000c 43 02 0000  000d 43 02 0000
		000e 43 04 00000003  000f 43 04 00000001
		0010 43 08 0000000000000046  0011 43 08 0000000000000008  0012 43 02 0064  0013 43 02 0064
		0014 43 06 0000006ddd00  0015 43 06 0000006ddd00
		0016 43 04 00b71b00  0017 43 04 00000003  0018 43 04 00b10080  0019 43 01 64  001a 43 04 00000000  001b 43 04 00000000
		0040 41 20 `+ascii("SN12345678", 32)+` 0041 41 08 `+ascii("20250102", 8)+` 0042 41 20 `+ascii("V00001L8", 32)+`
		0043 41 08 `+ascii("CALYPSO", 8)+` 0044 41 04 20202020 0045 41 09 `+ascii("LTOL8G8", 9)+`
		0080 43 01 00  0081 43 01 00  0082 43 01 00
		0100 43 04 00000001  0101 43 04 00000001  0102 43 04 00000000
		0200 43 0a 09 00 0000 ffffffffffff  0201 43 0a 09 00 0000 ffffffffffff
		0202 43 08 07 00 0000 00b71b00  0203 43 08 07 00 0000 00000003  0204 43 08 07 00 0000 00b71afc`)
	r.wantPage(0x30, `30 00 0054  0001 c0 04 00000002  0002 c0 08 0000000000000001  0003 c0 04 00000000  0004 c0 02 0000
		0005 c0 02 0000  0006 c0 02 0000  0007 c0 08 0000000000000001  0008 c0 04 00000000  0009 c0 02 0000
		000a c0 02 0000  000b c0 02 0000`)
	r.wantPage(0x31, "31 00 0020 0001 c0 04 00ae9f78 0002 c0 04 00000000 0003 c0 04 00ae9f7b 0004 c0 04 00000000")
}

// TestPagesWithoutCartridge: what is not known is said to be so.
func TestPagesWithoutCartridge(t *testing.T) {
	r := newStatsRig(t, Config{}, nil)
	r.wantPage(0x17, "17 00 0005 0000 43 01 00")
	r.wantPage(0x31, "31 00 0020 0001 c0 04 00000000 0002 c0 04 00000000 0003 c0 04 00000000 0004 c0 04 00000000")
	if got := r.page(0x0C)[52:84]; !bytes.Equal(got, unhex(t, "0004 40 04 ffffffff 0005 40 04 ffffffff 0006 40 04 ffffffff 0007 40 04 ffffffff")) {
		t.Errorf("capacities without a cartridge = % x", got)
	}
	r.wantPage(0x11, "11 00 002a 0000 43 04 01 20 00 00 0001 43 02 01f4 ...")
	newStatsRig(t, Config{Compression: true}, nil).wantPage(0x11, "11 00 002a 0000 43 04 11 20 00 00 0001 43 02 01f4 ...")
}

func TestDeviceStatus(t *testing.T) {
	r := workedRig(t)
	r.wantPage(0x11, "11 00 002a 0000 43 04 21 17 00 00  0001 43 02 01f4  0002 43 08 0000000000000000  0003 43 0c 000000000000000000000000")
	r.want("1E 00 00 00 01 00", "good")
	r.s.memory.WriteProtect = true
	r.s.raise(20)
	r.wantPage(0x11, "11 00 002a 0000 43 04 ab 17 00 01 ...") // PAMR, WRTP, cleaning required, TapeAlert changed
	if got := r.page(0x0C)[92:]; !bytes.Equal(got, unhex(t, "0100 40 08 0000000000000001")) {
		t.Errorf("cleaning required = % x", got)
	}
	r.page(0x12)
	r.wantPage(0x11, "11 00 002a 0000 43 04 ab 17 00 00 ...")
	r.page(0x2E)
	r.wantPage(0x11, "11 00 002a 0000 43 04 ab 17 00 00 ...") // still dirty, although the flag was read
	r.s.didClean()
	r.want("1E 00 00 00 00 00", "good")
	r.s.memory.WriteProtect = false
	r.want("1B 00 00 00 00 00", "good")
	r.wantPage(0x11, "11 00 002a 0000 43 04 41 34 00 00 ...") // host initiated unload, robotic access allowed
}

func TestDeviceStatistics(t *testing.T) {
	life := &Lifetime{Made: time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC), Loads: 721, Cleanings: 4, PowerCycles: 53,
		PowerOnSeconds: 8141 * 3600, MotionSeconds: 238 * 3600, TapeMillimetres: 3711144 * 1000, LoadsSinceReset: 687,
		HardWriteErrors: 2, HardReadErrors: 3, IncompatibleLoad: 7 * 3600, MotionAtCleanings: []int64{18 * 3600, 5 * 3600},
		Media: []MediaMotion{{0x60, 0x98, 237 * 3600}, {0x5E, 0x88, 3600}}}
	r := newStatsRig(t, Config{Generation: "LTO-9", Serial: "8031BDC7D1", Lifetime: life}, bigTape())
	r.clock = r.clock.Add(90 * time.Minute)
	want := `14 00 %04x
		0000 43 04 000002d2  0001 43 04 00000004  0002 43 04 00001fce  0003 43 04 000000ee  0004 43 04 0038a0a8
		0005 43 04 00000007  0006 43 04 00000000  0007 43 04 00000000
		0008 43 04 000000dc  0009 43 04 000000e9  000a 43 04 000000ee  000b 43 04 00000000  000c 43 04 00000036
		000d 43 04 %08x  000e 43 04 %08x  000f 43 04 %08x
		0040 41 0c ` + ascii("8031BDC7D1", 12) + ` 0041 41 0c ` + ascii("8031BDC7D1", 12) + ` 0042 41 08 ` + ascii("20251231", 8) + `
		0080 43 01 00  0081 43 01 00  1000 43 10 0000 5e 88 00000001 0000 60 98 000000ed`
	length := 16*8 + 2*16 + 12 + 2*5 + 20
	r.wantPage(0x14, fmt.Sprintf(want, length, 688, 2, 3))
	r.want("4C 02 54 00 00 00 00 00 00 00", "good")
	r.wantPage(0x14, fmt.Sprintf(want, length, 0, 0, 0))
	if got, _ := r.s.Lifetime(); got.PowerOnSeconds != 8141*3600+5400 || got.Loads != 722 {
		t.Errorf("lifetime = %+v", got)
	}
	if life.Loads != 721 {
		t.Error("the drive changed the caller's Lifetime")
	}
}

// TestDiagnosticData: an error of the medium is remembered with what led to it.
func TestDiagnosticData(t *testing.T) {
	r := workedRig(t)
	r.wantPage(0x16, "16 00 0000")
	r.m.bad = map[int64]bool{0: true}
	r.want("01 00 00 00 00 00", "good")
	for range 2 {
		if _, err := r.exec("08 00 00 00 01 00", nil, 1); describe(t, err) != "3/11/00 info=1" {
			t.Fatalf("READ(6) of a bad block = %s", describe(t, err))
		}
		r.want("01 00 00 00 00 00", "good")
	}
	r.wantPage(0x11, "11 00 002a 0000 43 04 21 17 00 21 ...") // an entry was made, alerts changed
	entry := "43 44 0000 5e 88 00000000 00 %02x 11 00 00000000 30303031 00000000 08 00 0000 " + ascii("SN12345678", 32) + " 03 00 %012x"
	millis := time.Date(2026, 1, 2, 5, 4, 5, 0, time.UTC).UnixMilli()
	r.wantPage(0x16, "16 00 0090 0000 "+fmt.Sprintf(entry, 0x83, millis)+" 0001 "+fmt.Sprintf(entry, 0x03, millis))
	r.wantPage(0x11, "11 00 002a 0000 43 04 21 17 00 01 ...")
	if got := r.page(0x03)[60:64]; !bytes.Equal(got, []byte{0, 0, 0, 2}) {
		t.Errorf("uncorrected read errors = % x, want 2", got)
	}
}

// TestLogSenseOfTheDriveTakesAnything: every page of the drive fits what its CDB allows.
func TestLogSenseOfTheDriveTakesAnything(t *testing.T) {
	r := workedRig(t)
	rapid.Check(t, func(rt *rapid.T) {
		cdb := rapid.SliceOfN(rapid.Byte(), 10, 10).Draw(rt, "CDB")
		cdb[0] = rapid.SampledFrom([]byte{0x4C, 0x4D, 0x44}).Draw(rt, "opcode")
		cdb[7] &= 0x03
		room := rapid.IntRange(0, 2000).Draw(rt, "room")
		cmd := &scsi.Command{CDB: bytes.Clone(cdb), DataIn: make([]byte, room)}
		err := r.s.Exec(t.Context(), cmd)
		var check *scsi.SenseError
		if err != nil && !errors.As(err, &check) {
			rt.Fatalf("% x: %v", cdb, err)
		}
		if cmd.Transferred > min(room, int(cdb[7])<<8|int(cdb[8])) {
			rt.Errorf("% x: %d bytes", cdb, cmd.Transferred)
		}
	})
}

// TestHostAndMediumApart: with a drive that compresses each of the four amounts has its own place.
func TestHostAndMediumApart(t *testing.T) {
	r := newStatsRig(t, Config{}, bigTape())
	r.s.traffic = Traffic{HostWrittenBytes: 8_000_001, MediumWrittenBytes: 4_000_002, HostReadBytes: 6_000_003, MediumReadBytes: 2_000_004}
	r.want("4C 02 40 00 00 00 00 00 00 00", "good")
	r.s.traffic = Traffic{HostWrittenBytes: 17_000_002, MediumWrittenBytes: 7_000_004, HostReadBytes: 11_000_006, MediumReadBytes: 3_000_008}
	r.wantPage(0x0C, "0c 00 0064 0000 40 08 0000000000895441 0001 40 08 00000000002dc6c2 0002 40 08 00000000000f4244 0003 40 08 00000000004c4b43 ...")
	r.wantPage(0x1B, `1b 00 0051  0000 43 02 01f3  0001 43 02 012b
		0002 43 04 00000005 0003 43 04 00000003  0004 43 04 00000001 0005 43 04 00000004
		0006 43 04 00000009 0007 43 04 00000001  0008 43 04 00000003 0009 43 04 00000002 ...`)
	if got := r.page(0x02)[48:56]; !bytes.Equal(got, unhex(t, "00000000002dc6c2")) {
		t.Errorf("bytes written = % x", got)
	}
	if got := r.page(0x03)[48:56]; !bytes.Equal(got, unhex(t, "00000000000f4244")) {
		t.Errorf("bytes read = % x", got)
	}
}
