package scsi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recordedLog reads the bytes of testdata/log. "empty" and "written" are those of mhvtl 1.8 with an IBM LTO-8
// drive without and with a cartridge, the densities those of a real LTO-5 drive (sg3_utils, inhex).
func recordedLog(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "log", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	return unhex(t, string(text))
}

func recordedPage(t testing.TB, name string) LogPage {
	t.Helper()
	p, err := ParseLogPage(recordedLog(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// parameter is a parameter of a page that a test makes: its value has len(value) bytes.
type parameter struct {
	code  uint16
	value []byte
}

func number(code uint16, size int, v uint64) parameter {
	b := binary.BigEndian.AppendUint64(nil, v)
	return parameter{code, b[8-size:]}
}

func pageBytes(code byte, parameters ...parameter) []byte {
	b := []byte{code, 0, 0, 0}
	for _, p := range parameters {
		b = binary.BigEndian.AppendUint16(b, p.code)
		b = append(append(b, 0x03, byte(len(p.value))), p.value...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-4))
	return b
}

func pageOf(t testing.TB, code byte, parameters ...parameter) LogPage {
	t.Helper()
	p, err := ParseLogPage(pageBytes(code, parameters...))
	if err != nil || p.Code != code {
		t.Fatalf("page %02x: %v", p.Code, err)
	}
	return p
}

func valueOf[T any](v T) *T { return &v }

func TestLogCDBs(t *testing.T) {
	ten := func(c CDB10) []byte { return c[:] }
	tests := []struct {
		got  []byte
		want string
	}{
		{ten(LogSense(0x17, 0, 0xFFFF)), "4d 00 57 00 00 00 00 ff ff 00"},
		{ten(LogSense(0x00, 0xFF, 0x0102)), "4d 00 40 ff 00 00 00 01 02 00"},
		{ten(LogSelect(true, 0, 0, 0)), "4c 02 40 00 00 00 00 00 00 00"},
		{ten(LogSelect(false, 0x12, 0, 12)), "4c 00 52 00 00 00 00 00 0c 00"},
		{ten(ReportDensitySupport(false, 0x1000)), "44 00 00 00 00 00 00 10 00 00"},
		{ten(ReportDensitySupport(true, 0xFFFF)), "44 01 00 00 00 00 00 ff ff 00"},
	}
	for _, tt := range tests {
		if want := unhex(t, tt.want); !bytes.Equal(tt.got, want) {
			t.Errorf("% x, want % x", tt.got, want)
		}
	}
}

func TestSupportedLogPages(t *testing.T) {
	got, err := ParseSupportedLogPages(recordedLog(t, "empty-00"))
	if err != nil {
		t.Fatal(err)
	}
	want := []LogPageCode{{0, 0}, {2, 0}, {3, 0}, {0x0C, 0}, {0x0D, 0}, {0x10, 0}, {0x11, 0}, {0x17, 0},
		{0x2E, 0}, {0x30, 0}, {0x31, 0}, {0x32, 0}, {0x37, 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	sub, err := ParseSupportedLogPages(unhex(t, "40 ff 00 08 0000 00ff 1700 1701"))
	if diff := cmp.Diff([]LogPageCode{{0, 0}, {0, 0xFF}, {0x17, 0}, {0x17, 1}}, sub); diff != "" || err != nil {
		t.Error(diff, err)
	}
	lying, err := ParseSupportedLogPages(unhex(t, "00 00 ff ff 00 02 2e 00 00 00 00"))
	if diff := cmp.Diff([]LogPageCode{{0, 0}, {2, 0}, {0x2E, 0}}, lying); diff != "" || err != nil {
		t.Error(diff, err)
	}
	var other *PageError
	if _, err := ParseSupportedLogPages(unhex(t, "02 00 00 00")); !errors.As(err, &other) {
		t.Errorf("another page: %v", err)
	}
}

func TestParseLogPageCutAndLying(t *testing.T) {
	full := recordedLog(t, "written-0c")
	for n := range full {
		p, err := ParseLogPage(full[:n])
		if (n < 4) != errors.Is(err, ErrShort) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		for _, found := range p.Parameters {
			if want := recordedPage(t, "written-0c").parameter(found.Code); !bytes.Equal(want.Value, found.Value) {
				t.Fatalf("%d bytes: parameter %04x has another value when it is cut short", n, found.Code)
			}
		}
	}
	// The length that was asked for where the length of the data belongs, and zeros behind the data.
	lying := append(bytes.Clone(full), make([]byte, 200)...)
	lying[2], lying[3] = 0xFF, 0xFF
	p, err := ParseLogPage(lying)
	if err != nil || len(p.Parameters) != len(recordedPage(t, "written-0c").Parameters) {
		t.Errorf("%d parameters, %v", len(p.Parameters), err)
	}
	if got := p.SequentialAccess(); *got.ReceivedBytes != 0x1e00000 {
		t.Errorf("parameter 0 was taken from the zeros: %d", *got.ReceivedBytes)
	}
	short := bytes.Clone(full)
	short[2], short[3] = 0, 12
	if p, err := ParseLogPage(short); err != nil || len(p.Parameters) != 1 {
		t.Errorf("a page length of one parameter gives %d, %v", len(p.Parameters), err)
	}
	if p, _ := ParseLogPage(unhex(t, "57 01 00 05 0000 03 01 01")); p.Code != 0x17 || p.Subpage != 1 {
		t.Errorf("subpage: %+v", p)
	}
}

func TestLogUintNotAvailable(t *testing.T) {
	p := pageOf(t, 0x14, number(0, 4, 0xFFFFFFFF), number(1, 4, 0), number(2, 8, 1<<64-1), number(3, 1, 0xFF),
		parameter{4, nil}, parameter{5, make([]byte, 9)}, number(6, 8, 1<<64-2))
	for code, want := range []*uint64{nil, valueOf(uint64(0)), nil, nil, nil, nil, valueOf(uint64(1<<64 - 2)), nil} {
		if diff := cmp.Diff(want, p.Uint(uint16(code))); diff != "" {
			t.Errorf("parameter %d: %s", code, diff)
		}
	}
	if p.Bool(3) != nil || *p.Bool(1) || !*p.Bool(6) {
		t.Error("Bool")
	}
}

func TestErrorCounters(t *testing.T) {
	got := recordedPage(t, "written-02").ErrorCounters()
	zero := valueOf(uint64(0))
	if diff := cmp.Diff(ErrorCounters{zero, zero, zero, zero, zero, zero, zero}, got); diff != "" {
		t.Error(diff)
	}
	p := pageOf(t, 3, number(0, 4, 10), number(2, 4, 12), number(3, 4, 13), number(5, 8, 1<<40), number(6, 2, 16))
	want := ErrorCounters{valueOf(uint64(10)), nil, valueOf(uint64(12)), valueOf(uint64(13)), nil, valueOf(uint64(1 << 40)), valueOf(uint64(16))}
	if diff := cmp.Diff(want, p.ErrorCounters()); diff != "" {
		t.Error(diff)
	}
	if n := pageOf(t, 6, number(0, 2, 5)).NonMediumErrors(); n == nil || *n != 5 {
		t.Error("page 06h")
	}
}

func TestSequentialAccess(t *testing.T) {
	mb := func(n uint64) *uint64 { return valueOf(n * 1_000_000) }
	want := SequentialAccess{
		ReceivedBytes: valueOf(uint64(0x1e00000)), WrittenBytes: valueOf(uint64(0x1e00000)), ReadBytes: mb(0), ReturnedBytes: mb(0),
		ToEndOfData: mb(500), ToEarlyWarning: mb(498), BehindWarning: mb(2), ToPosition: mb(30), BufferBytes: mb(0),
		CleaningIsAsked: valueOf(false),
	}
	if diff := cmp.Diff(want, recordedPage(t, "written-0c").SequentialAccess()); diff != "" {
		t.Error(diff)
	}
	empty := recordedPage(t, "empty-0c").SequentialAccess()
	if empty.ToEndOfData != nil || empty.ToPosition != nil || *empty.BufferBytes != 0 {
		t.Errorf("all ones were taken for a number: %+v", empty)
	}
	if p := pageOf(t, 0x0C, number(0x0100, 4, 1)); !*p.SequentialAccess().CleaningIsAsked {
		t.Error("cleaning required not seen")
	}
}

func TestTemperature(t *testing.T) {
	got := pageOf(t, 0x0D, number(0, 2, 31), number(1, 2, 50)).Temperature()
	if diff := cmp.Diff(Temperature{valueOf(uint64(31)), valueOf(uint64(50))}, got); diff != "" {
		t.Error(diff)
	}
	if got := pageOf(t, 0x0D, number(0, 2, 0x00FF)).Temperature(); got.CurrentCelsius != nil || got.ReferenceCelsius != nil {
		t.Errorf("FFh is a temperature: %+v", got)
	}
	if got := recordedPage(t, "empty-0d").Temperature(); *got.CurrentCelsius != 0 || got.ReferenceCelsius != nil {
		t.Errorf("%+v", got)
	}
}

func TestDeviceStatus(t *testing.T) {
	want := &DeviceStatus{MemoryReadable: true, Initialized: true, RobotAllowed: true, MediumPresent: true,
		MediumSeated: true, MediumThreaded: true, MediumMounted: true, Activity: 6}
	got := recordedPage(t, "written-11").DeviceStatus()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.ActivityName() != "writing" || (DeviceStatus{Activity: 0x0B}).ActivityName() != "calibrating" ||
		(DeviceStatus{Activity: 0x10}).ActivityName() != "running diagnostics" || (DeviceStatus{Activity: 0x80}).ActivityName() != "activity 80h" {
		t.Error("activity names")
	}
	for _, p := range []LogPage{pageOf(t, 0x11), pageOf(t, 0x11, number(0, 3, 0)), pageOf(t, 0x11, number(0, 4, 0xFFFFFFFF))} {
		if p.DeviceStatus() != nil {
			t.Errorf("%+v", p.DeviceStatus())
		}
	}
}

func TestVolumeStatistics(t *testing.T) {
	v := recordedPage(t, "written-17").VolumeStatistics()
	if v == nil || *v.Mounts != 0 || *v.CapacityBytes != 500e6 || *v.UsedBytes != 30e6 || v.Serial != nil || *v.WORM || *v.BOMPasses != 0 {
		t.Fatalf("%+v", v)
	}
	value := func(n uint64) []PartitionValue { return []PartitionValue{{0, valueOf(n)}} }
	for _, c := range []struct{ got, want []PartitionValue }{
		{v.FirstEncrypted, value(0)}, {v.PartitionCapacity, value(500e6)}, {v.PartitionUsed, value(30e6)}, {v.PartitionRemaining, value(468e6)},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Error(diff)
		}
	}
	if v.SuspendedReads != nil || v.StopWritesForward != nil {
		t.Error("a parameter that is not there has a value")
	}
	empty := recordedPage(t, "empty-17").VolumeStatistics()
	if empty.CapacityBytes != nil || empty.UsedBytes != nil || len(empty.PartitionCapacity) != 0 {
		t.Errorf("FFFFFFFEh MB was taken for a capacity: %+v", empty)
	}
	if v := pageOf(t, 0x17, number(0, 1, 0), number(1, 4, 7)).VolumeStatistics(); v != nil {
		t.Error("a page that is not valid has values")
	}
}

// The figures of an HPE LTO-9 drive with two partitions whose second end of data is not known.
func TestVolumeStatisticsPartitions(t *testing.T) {
	p := pageOf(t, 0x17, number(0, 1, 1), number(0x19, 1, 98), parameter{0x45, []byte("LTOL9G9 \x00")},
		parameter{0x0203, unhex(t, "07 00 0000 00a5ff73  07 00 0001 ffffffff")}, parameter{0x0204, unhex(t, "09 00 0001 000000a60013 02")})
	v := p.VolumeStatistics()
	want := []PartitionValue{{0, valueOf(uint64(0xa5ff73 * 1_000_000))}, {1, nil}}
	if diff := cmp.Diff(want, v.PartitionUsed); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]PartitionValue{{1, valueOf(uint64(10878995 * 1_000_000))}}, v.PartitionRemaining); diff != "" {
		t.Error(diff)
	}
	if *v.RemainingLifePercent != 98 || *v.Personality != "LTOL9G9" {
		t.Errorf("%+v", v)
	}
}

func TestCapacityAndUsage(t *testing.T) {
	c := recordedPage(t, "written-31").TapeCapacity()
	if *c.RemainingBytes != 470<<20 || *c.MaximumBytes != 500<<20 || *c.AlternateMaximumBytes != 0 {
		t.Errorf("%+v", c)
	}
	u := recordedPage(t, "written-30").TapeUsage()
	if *u.Mounts != 1 || *u.DataSetsWritten != 2 || *u.FatalReads != 0 {
		t.Errorf("%+v", u)
	}
	d := recordedPage(t, "written-32").DataCompression()
	if *d.ReadRatioPercent != 0 || d.CompressionEnabled != nil {
		t.Errorf("%+v", d)
	}
	d = pageOf(t, 0x1B, number(0, 2, 150), number(1, 2, 251), number(6, 4, 3), number(7, 4, 250_000), number(0x100, 1, 1)).DataCompression()
	if *d.ReadRatioPercent != 150 || *d.WriteRatioPercent != 251 || *d.ReceivedBytes != 3_250_000 || d.WrittenBytes != nil || !*d.CompressionEnabled {
		t.Errorf("%+v", d)
	}
}

func diagnosticRecord(t testing.TB) []byte {
	return unhex(t, "0000 60 98 00000123 00 83 1100 82820000 4d355331 00000007 08 00 0000"+
		strings.Repeat("41", 6)+strings.Repeat("20", 26)+"0001 000000001234")
}

func TestTapeDiagnostics(t *testing.T) {
	p := pageOf(t, 0x16, parameter{0, diagnosticRecord(t)}, parameter{1, make([]byte, 68)}, number(2, 4, 1))
	want := []TapeDiagnostic{{DensityCode: 0x60, MediumType: 0x98, MotionHours: valueOf(uint64(0x123)), Repeated: true,
		Key: MediumError, ASC: 0x1100, VendorCode: 0x82820000, SinceCleaning: valueOf(uint64(7)), Opcode: 0x08, MediumID: "AAAAAA"}}
	got := p.TapeDiagnostics()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if got[0].Command() != "READ(6)" || !strings.Contains(got[0].Sense(), "unrecovered read error") {
		t.Errorf("%s: %s", got[0].Command(), got[0].Sense())
	}
}

func TestDeviceStatistics(t *testing.T) {
	p := pageOf(t, 0x14, number(0, 4, 1200), number(1, 4, 14), number(2, 4, 40000), number(3, 4, 0xFFFFFFFF), number(8, 4, 90),
		number(0x0E, 4, 2), parameter{0x41, []byte("1068000001  ")}, number(0x81, 1, 1),
		parameter{0x1000, unhex(t, "0000 5e 88 00000010 0000 60 98 00000020 0000")})
	s := p.DeviceStatistics()
	if *s.Loads != 1200 || *s.Cleanings != 14 || *s.PowerOnHours != 40000 || s.MotionHours != nil || *s.SinceCleaning != 90 ||
		*s.HardWriteErrors != 2 || s.HardReadErrors != nil || *s.Serial != "1068000001" || !*s.MaxTemperatureExceeds {
		t.Errorf("%+v", s)
	}
	if diff := cmp.Diff([]MotionHours{{0x5E, 0x88, 16}, {0x60, 0x98, 32}}, s.MotionByDensity); diff != "" {
		t.Error(diff)
	}
}

func TestDensities(t *testing.T) {
	medium, err := ParseDensities(recordedLog(t, "density-medium"))
	want := []Density{{Primary: 0x58, Secondary: 0x58, Writable: true, Default: true, BitsPerMM: 15142, WidthTenthMM: 127,
		Tracks: 1280, CapacityBytes: 1541438e6, Organization: "LTO-CVE", Name: "U-516", Description: "Ultrium 5/16T"}}
	if diff := cmp.Diff(want, medium); diff != "" || err != nil {
		t.Error(diff, err)
	}
	full := recordedLog(t, "density-drive")
	drive, err := ParseDensities(full)
	if err != nil || len(drive) != 3 || drive[0].Name != "U-316" || drive[0].Writable || !drive[1].Writable || drive[2].Primary != 0x58 {
		t.Errorf("%+v, %v", drive, err)
	}
	lying := append(bytes.Clone(full), make([]byte, 500)...)
	lying[0], lying[1] = 0xFF, 0xFF
	if got, err := ParseDensities(lying); err != nil || len(got) != 3 {
		t.Errorf("the allocation length for the data length: %d densities, %v", len(got), err)
	}
	long := append(unhex(t, "0078 0000"), full[4:56]...)
	long[4+2] |= 0x01
	long[4+4] = 52 // 5 bytes more than a plain descriptor
	long = append(append(long, 1, 2, 3, 4, 5), full[56:108]...)
	if got, err := ParseDensities(long); err != nil || len(got) != 2 || got[1].Name != "U-416" {
		t.Errorf("a longer descriptor: %+v, %v", got, err)
	}
	for n := range full {
		if got, err := ParseDensities(full[:n]); (n < 4) != errors.Is(err, ErrShort) || len(got) > n/52 {
			t.Errorf("%d bytes: %d densities, %v", n, len(got), err)
		}
	}
}
