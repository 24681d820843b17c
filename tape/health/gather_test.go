package health

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/scsi"
)

// scripted answers each command by its first bytes, in whatever order they come; what it has no answer for
// it refuses. Answers are hex; a sense begins with "sense ".
type scripted map[string]string

var errCable = errors.New("cable pulled")

func (s scripted) Exec(_ context.Context, cmd *scsi.Command) error {
	answer, ok := s[hex.EncodeToString(cmd.CDB[:1])]
	if cmd.CDB[0] == scsi.OpLogSense {
		answer, ok = s["4d"+hex.EncodeToString(cmd.CDB[2:3])]
	}
	switch {
	case cmd.CDB[0] == scsi.OpLogSense && cmd.CDB[2]&0x3F == scsi.LogTapeAlert:
		panic("page 2Eh was read: that clears it")
	case answer == "lost":
		return &scsi.TransportError{CDB: cmd.CDB, Err: errCable}
	case !ok && cmd.CDB[0] == scsi.OpTestUnitReady:
		return nil
	case !ok:
		answer = "sense 70 00 05 00000000 0a 00000000 2400 00 000000"
	}
	if sense, found := strings.CutPrefix(answer, "sense "); found {
		parsed, err := scsi.ParseSense(fromHex(sense))
		if err != nil {
			panic(err)
		}
		return &scsi.SenseError{CDB: cmd.CDB, Sense: parsed}
	}
	cmd.Transferred = copy(cmd.DataIn, fromHex(answer))
	return nil
}

func fromHex(text string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		panic(err)
	}
	return b
}

func recordedHex(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "scsi", "testdata", "log", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(text))
}

// mhvtl is a drive with what mhvtl 1.8 answers as an LTO-8 drive with a cartridge that was written to.
func mhvtl(t *testing.T) scripted {
	s := scripted{"4d40": recordedHex(t, "empty-00"), "4d4d": recordedHex(t, "empty-0d"), "4d43": "03 00 00 08 0006 60 04 00000000"}
	for _, page := range []string{"02", "0c", "11", "17", "30", "31", "32"} {
		code := fromHex(page)[0] | 0x40
		s["4d"+hex.EncodeToString([]byte{code})] = recordedHex(t, "written-"+page)
	}
	s["1a"] = "0b 00 10 08 5e 000000 00 000000"
	return s
}

func gather(t *testing.T, s scripted) (Facts, error) {
	t.Helper()
	d := tape.NewDrive(s)
	d.Name = "drive"
	return Gather(t.Context(), d)
}

func TestGather(t *testing.T) {
	f, err := gather(t, mhvtl(t))
	if err != nil || len(f.Problems) != 0 {
		t.Fatalf("%v, %v", err, f.Problems)
	}
	if f.WriteErrors == nil || f.ReadErrors == nil || f.Sequential == nil || f.Temperature == nil || f.Status == nil ||
		f.Volume == nil || f.Usage == nil || f.Capacity == nil || f.Compression == nil {
		t.Errorf("a page is missing: %+v", f)
	}
	if f.Device != nil || f.HasErrors || f.NonMedium != nil || f.Alerts != nil {
		t.Errorf("a page that the drive does not have has figures: %+v", f)
	}
	if f.Status.ActivityName() != "writing" || *f.Capacity.MaximumBytes != 500<<20 {
		t.Errorf("%+v, %+v", f.Status, f.Capacity)
	}
	r := Assess(f)
	if r.Drive.Level != OK || r.Cartridge.Level != OK || r.Cleaning.Level != OK {
		t.Errorf("%+v", r)
	}
}

// A drive that knows no log commands is unknown, without an error and without a problem.
func TestGatherWithoutLogs(t *testing.T) {
	refuses := scripted{"4d40": "sense 70 00 05 00000000 0a 00000000 2000 00 000000", "1a": "0b 00 10 08 5e 000000 00 000000"}
	f, err := gather(t, refuses)
	if err != nil || len(f.Problems) != 0 || Assess(f).Worst() != Unknown {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestGatherEmptyDrive(t *testing.T) {
	s := mhvtl(t)
	s["00"] = "sense 70 00 02 00000000 0a 00000000 3a00 00 000000"
	s["8c"] = s["00"]
	f, err := gather(t, s)
	if err != nil || f.State != tape.Empty || f.Volume != nil || f.Capacity != nil || f.Status == nil || len(f.Problems) != 0 {
		t.Errorf("%+v, %v", f, err)
	}
}

// A drive that prepares a cartridge is asked nothing.
func TestGatherBecomingReady(t *testing.T) {
	s := scripted{"00": "sense 70 00 02 00000000 0a 00000000 0401 00 000000", "4d40": "lost", "8c": "lost", "1a": "lost"}
	if f, err := gather(t, s); err != nil || f.State != tape.BecomingReady || f.Status != nil {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestGatherOnePageFails(t *testing.T) {
	for name, answer := range map[string]string{
		"garbled": "0c 00 0000", "hardware": "sense 70 00 04 00000000 0a 00000000 4400 00 000000", "cut": "17",
	} {
		s := mhvtl(t)
		s["4d57"] = answer
		f, err := gather(t, s)
		if err != nil || f.Volume != nil || f.Usage == nil || len(f.Problems) != 1 || !strings.Contains(f.Problems[0], "log sense drive") {
			t.Errorf("%s: %v, problems %q", name, err, f.Problems)
		}
		if r := Assess(f); r.Cartridge.Level != OK || find(r.Cartridge, "wear").Level != Unknown {
			t.Errorf("%s: %+v", name, r.Cartridge)
		}
	}
}

func TestGatherReadyFails(t *testing.T) {
	s := mhvtl(t)
	s["00"] = "sense 70 00 04 00000000 0a 00000000 4400 00 000000"
	f, err := gather(t, s)
	if err != nil || f.State != tape.NeedsOperator || len(f.Problems) == 0 || f.Volume != nil || Assess(f).Drive.Level < Warning {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestGatherNoAnswer(t *testing.T) {
	for _, at := range []string{"00", "4d40", "4d42", "8c", "1a"} {
		s := mhvtl(t)
		s[at] = "lost"
		if _, err := gather(t, s); errcode.Of(err) != errcode.DeviceUnknown || !errors.Is(err, errCable) {
			t.Errorf("%s: %v", at, err)
		}
	}
}
