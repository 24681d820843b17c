package scsi

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// told lets sg_logs (sg3_utils, written apart) decode the page and gives its lines.
func told(t *testing.T, page []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.hex")
	if err := os.WriteFile(file, fmt.Appendf(nil, "% x\n", page), 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, judge(t, "sg_logs"), "--pdt=1", "--in="+file)
}

// saying is a line that sg_logs must print when the decoder is right about the field.
func saying(t *testing.T, output, text string, value any) {
	t.Helper()
	if line := fmt.Sprintf("%s: %v", text, value); !strings.Contains(output, line+"\n") && !strings.Contains(output, line+" ") {
		t.Errorf("sg_logs does not say %q", line)
	}
}

// numbered is a page with another number in each parameter from 0 to last.
func numbered(code byte, last uint16) []byte {
	var list []parameter
	for c := range last + 1 {
		list = append(list, number(c, 4, uint64(c)+1001))
	}
	return pageBytes(code, list...)
}

func decoded(t *testing.T, page []byte) LogPage {
	t.Helper()
	p, err := ParseLogPage(page)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDeviceStatisticsAgainstJudge(t *testing.T) {
	page := numbered(0x14, 0x0F)
	out, s := told(t, page), decoded(t, page).DeviceStatistics()
	for text, v := range map[string]*uint64{
		"Lifetime media loads": s.Loads, "Lifetime cleaning operations": s.Cleanings, "Lifetime power on hours": s.PowerOnHours,
		"Lifetime media motion (head) hours": s.MotionHours, "Lifetime metres of tape processed": s.MetresProcessed,
		"Lifetime media motion (head) hours when incompatible media last loaded": s.IncompatibleAt,
		"Lifetime power on hours when last temperature condition occurred":       s.TemperatureEventAt,
		"Lifetime power on hours when last power consumption condition occurred": s.PowerEventAt,
		"Media motion (head) hours since last successful cleaning operation":     s.SinceCleaning,
		"Media motion (head) hours since 2nd to last successful cleaning":        s.Since2ndCleaning,
		"Media motion (head) hours since 3rd to last successful cleaning":        s.Since3rdCleaning,
		"and/or emergency eject occurred":                                        s.ForcedResetAt,
		"Lifetime power cycles":                                                  s.PowerCycles, "Volume loads since last parameter reset": s.LoadsSinceReset,
		"Hard write errors": s.HardWriteErrors, "Hard read errors": s.HardReadErrors,
	} {
		saying(t, out, text, *v)
	}
}

func TestVolumeStatisticsAgainstJudge(t *testing.T) {
	page := numbered(0x17, 0x17)
	page = append(page, pageBytes(0, number(0x0101, 4, 77), number(0x0102, 4, 78),
		parameter{0x0202, []byte{7, 0, 0, 3, 0, 0, 0, 91}}, parameter{0x0204, []byte{9, 0, 0, 4, 0, 0, 0, 0, 0, 92}})[4:]...)
	page[2], page[3] = byte((len(page)-4)>>8), byte(len(page)-4)
	out, v := told(t, page), decoded(t, page).VolumeStatistics()
	for text, n := range map[string]*uint64{
		"Thread count": v.Mounts, "Total data sets written": v.DataSetsWritten, "Total write retries": v.WriteRetries,
		"Total unrecovered write errors": v.UnrecoveredWrites, "Total suspended writes": v.SuspendedWrites,
		"Total fatal suspended writes": v.FatalWrites, "Total data sets read": v.DataSetsRead, "Total read retries": v.ReadRetries,
		"Total unrecovered read errors": v.UnrecoveredReads, "Total suspended reads": v.SuspendedReads,
		"Total fatal suspended reads": v.FatalReads, "Last mount unrecovered write errors": v.LastUnrecoveredWrites,
		"Last mount unrecovered read errors": v.LastUnrecoveredReads, "Last load write compression ratio": v.WriteRatioPercent,
		"Last load read compression ratio": v.ReadRatioPercent, "Medium mount time": v.MountMilliseconds,
		"Medium ready time": v.ReadyMilliseconds, "Beginning of medium passes": v.BOMPasses, "Middle of medium passes": v.MOMPasses,
	} {
		saying(t, out, text, *n)
	}
	for text, n := range map[string]*uint64{
		"Last mount megabytes written": v.LastWrittenBytes, "Last mount megabytes read": v.LastReadBytes,
		"Lifetime megabytes written": v.WrittenBytes, "Lifetime megabytes read": v.ReadBytes,
		"Total native capacity": v.CapacityBytes, "Total used native capacity": v.UsedBytes,
		"partition number: 3, partition record data counter": v.PartitionCapacity[0].Value,
		"partition number: 4, partition record data counter": v.PartitionRemaining[0].Value,
	} {
		saying(t, strings.ReplaceAll(out, " [MB]:", ":"), text, *n/1_000_000) // which versions put elsewhere
	}
}

func TestCompressionAgainstJudge(t *testing.T) {
	page := numbered(0x1B, 9)
	out, d := told(t, page), decoded(t, page).DataCompression()
	saying(t, out, "Read compression ratio x100", *d.ReadRatioPercent)
	saying(t, out, "Write compression ratio x100", *d.WriteRatioPercent)
	for text, n := range map[string]*uint64{"transferred to server": d.ReturnedBytes, "read from tape": d.ReadBytes,
		"transferred from server": d.ReceivedBytes, "written to tape": d.WrittenBytes} {
		saying(t, out, "Megabytes "+text, *n/1_000_000)
		saying(t, out, "Bytes "+text, *n%1_000_000)
	}
}

func TestTapeDiagnosticsAgainstJudge(t *testing.T) {
	page := pageBytes(0x16, parameter{0, diagnosticRecord(t)})
	out, d := told(t, page), decoded(t, page).TapeDiagnostics()[0]
	saying(t, out, "Density code", fmt.Sprintf("%#x", d.DensityCode))
	saying(t, out, "Medium type", fmt.Sprintf("%#x", d.MediumType))
	saying(t, out, "Lifetime media motion hours", *d.MotionHours)
	saying(t, out, "Repeat", map[bool]int{true: 1}[d.Repeated])
	saying(t, out, "Sense key", fmt.Sprintf("%#x", uint8(d.Key)))
	saying(t, out, "Additional sense code", fmt.Sprintf("%#x", uint8(d.ASC>>8)))
	saying(t, out, "Additional sense code qualifier", fmt.Sprintf("%#x", uint8(d.ASC)))
	saying(t, out, "Vendor specific code qualifier", fmt.Sprintf("%#x", d.VendorCode))
	saying(t, out, "Hours since last clean", *d.SinceCleaning)
	saying(t, out, "Operation code", fmt.Sprintf("%#x", d.Opcode))
}

// Every bit of page 11h, one at a time.
func TestDeviceStatusAgainstJudge(t *testing.T) {
	for i := range 32 {
		if i/8 == 2 {
			continue // the activity
		}
		value := make([]byte, 4)
		value[i/8] = 0x80 >> (i % 8)
		page := pageBytes(0x11, parameter{0, value})
		out, s := told(t, page), decoded(t, page).DeviceStatus()
		for name, on := range map[string]bool{"PAMR": s.RemovalPrevented, "HUI": s.HostUnload, "MACC": s.MemoryReadable,
			"CMPR": s.Compressing, "WRTP": s.WriteProtected, "CRQST": s.CleaningRequested, "CRQRD": s.CleaningRequired,
			"DINIT": s.Initialized, "INXTN": s.InTransition, "RAA": s.RobotAllowed, "MPRSNT": s.MediumPresent,
			"MSTD": s.MediumSeated, "MTHRD": s.MediumThreaded, "MOUNTED": s.MediumMounted, "ESR": s.EncryptionService,
			"RRQST": s.RecoveryRequested, "INTFC": s.InterfaceChanged, "TAFC": s.AlertsChanged} {
			if want := fmt.Sprintf("%s=%d", name, map[bool]int{true: 1}[on]); !strings.Contains(out, want) {
				t.Errorf("byte %d bit %d: sg_logs does not say %s", 4+i/8, 7-i%8, want)
			}
		}
	}
}

func TestTapeAlertsAgainstJudge(t *testing.T) {
	page := pageBytes(0x12, number(0, 8, uint64(NewAlertFlags(1, 20, 33, 64))))
	out := told(t, page)
	for _, want := range []string{"Flag01h: 1", "14h: 1", "Flag21h: 1", "40h: 1"} {
		if !strings.Contains(out, want) {
			t.Errorf("sg_logs does not say %q", want)
		}
	}
	if strings.Count(out, ": 1") != 4 {
		t.Errorf("sg_logs sees other flags:\n%s", out)
	}
}
