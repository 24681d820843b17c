package status

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"calypso/tape"
	"calypso/tape/scsi"
)

// scripted answers each command by its first byte, a log page by "4d" and its code, a mode page by "1a" and
// its code. Answers are hex; a sense begins with "sense ". It refuses everything else.
type scripted map[string]string

var errCable = errors.New("cable pulled")

const (
	refusal   = "sense 70 00 05 00000000 0a 00000000 2400 00 000000"
	broken    = "sense 70 00 04 00000000 0a 00000000 4400 00 000000"
	preparing = "sense 70 00 02 00000000 0a 00000000 0401 00 804000"
	noMedium  = "sense 70 00 02 00000000 0a 00000000 3a00 00 000000"
)

func (s scripted) Exec(_ context.Context, cmd *scsi.Command) error {
	key := hex.EncodeToString(cmd.CDB[:1])
	switch cmd.CDB[0] {
	case scsi.OpLogSense, scsi.OpModeSense6:
		key += hex.EncodeToString([]byte{cmd.CDB[2] & 0x3F})
	case scsi.OpInquiry:
		key += hex.EncodeToString(cmd.CDB[1:2])
	}
	if key == "4d2e" {
		panic("page 2Eh was read: that clears it")
	}
	answer, ok := s[key]
	switch {
	case answer == "lost":
		return &scsi.TransportError{CDB: cmd.CDB, Err: errCable}
	case !ok && key == "00":
		return nil
	case !ok:
		answer = refusal
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

func recorded(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "scsi", "testdata", "log", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(text))
}

// bare is a drive that knows what every device must, and no page.
func bare() scripted {
	return scripted{
		"1200": "01 80 06 02 1f 000000" + hex.EncodeToString([]byte("IBM     ULT3580-TD8     R3G3")),
		"1a10": "0b 88 10 08 5e 000000 00 000000",
		"34":   "00 000000 00000000 0000000000000007 0000000000000002 0000000000000000",
	}
}

// full is bare with what mhvtl 1.8 answers as an LTO-8 drive with a cartridge that was written to.
func full(t *testing.T) scripted {
	s := bare()
	for _, page := range []string{"0c", "11", "17", "31", "32"} {
		s["4d"+page] = recorded(t, "written-"+page)
	}
	s["4d12"] = "12 00 000c 0000 03 08 0000100000000000"
	s["1a0f"] = "1b 88 10 08 5e 000000 00 000000 0f0e c080 00000001 00000001 00000000"
	return s
}

func gather(t *testing.T, s scripted) (Facts, error) {
	t.Helper()
	d := tape.NewDrive(s)
	d.Name = "drive"
	return Gather(t.Context(), d)
}

func TestGather(t *testing.T) {
	s := full(t)
	f, err := gather(t, s)
	if err != nil || len(f.Problems) != 0 {
		t.Fatalf("%v, %q", err, f.Problems)
	}
	if f.Identity.Product != "ULT3580-TD8" || f.Identity.Revision != "R3G3" || f.Kind() != "data" || f.Medium.Generation != "LTO-8" {
		t.Errorf("%+v, %+v", f.Identity, f.Medium)
	}
	if f.Activity() != "writing" || !slices.Equal(f.Alerts.Flags.Numbers(), []int{20}) || !f.Setting.Enabled || f.Compression == nil {
		t.Errorf("%q, %+v, %+v, %+v", f.Activity(), f.Alerts, f.Setting, f.Compression)
	}
	if a := f.Amounts(); *a.CapacityBytes != 500e6 || *a.UsedBytes != 30e6 || *a.RemainingBytes != 468e6 || f.Capacity != nil {
		t.Errorf("%d %d %d, page 31h %v", *a.CapacityBytes, *a.UsedBytes, *a.RemainingBytes, f.Capacity)
	}
	old := full(t)
	old["4d17"] = refusal // LTO-4 drives have 31h alone
	if before, err := gather(t, old); err != nil || before.Capacity == nil || *before.Amounts().CapacityBytes != 500<<20 {
		t.Errorf("without page 17h: %+v, %v", before.Amounts(), err)
	}
	f.Disown()
	if f.Activity() != "" || f.Position != nil || f.Ratios() != (Ratios{}) || f.Encryption != nil || f.Alerts == nil {
		t.Errorf("of another: %+v", f)
	}
}

// What a drive does not have is nil, without an error and without a problem.
func TestGatherBareDrive(t *testing.T) {
	f, err := gather(t, bare())
	if err != nil || len(f.Problems) != 0 || f.Medium == nil {
		t.Fatalf("%+v, %v", f, err)
	}
	if f.Device != nil || f.Alerts != nil || f.Encryption != nil || f.Volume != nil || f.Capacity != nil || f.Sequential != nil || f.Compression != nil ||
		f.Position == nil || f.Position.File != 2 || f.Protection != nil || f.Activity() != "" || f.Switch() != nil || f.Amounts() != (Amounts{}) || f.Ratios() != (Ratios{}) {
		t.Errorf("%+v", f)
	}
}

// A page that fails is a problem of its own.
func TestGatherOnePageFails(t *testing.T) {
	for _, page := range []string{"4d11", "4d12", "4d17", "1a0f", "a2", "34"} {
		for name, answer := range map[string]string{"hardware": broken, "cut": "17"} {
			s := full(t)
			s[page] = answer
			f, err := gather(t, s)
			if err != nil || len(f.Problems) != 1 || f.Medium == nil || f.Compression == nil {
				t.Errorf("%s %s: %v, problems %q", page, name, err, f.Problems)
			}
		}
	}
}

// A drive that prepares a cartridge is asked nothing but what it is and how far it got.
func TestGatherBecomingReady(t *testing.T) {
	s := scripted{"1200": bare()["1200"], "00": preparing}
	for _, op := range []string{"1a0f", "1a10", "1a0a", "4d00", "4d11", "4d12", "4d17", "8c", "34", "a2"} {
		s[op] = "lost"
	}
	f, err := gather(t, s)
	if err != nil || f.Ready.State != tape.BecomingReady || f.Ready.Progress != 0.25 || f.Medium != nil || f.Activity() != "" {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestGatherEmpty(t *testing.T) {
	s := full(t)
	s["00"], s["8c"], s["34"], s["4d17"] = noMedium, "lost", "lost", "lost"
	f, err := gather(t, s)
	if err != nil || f.Ready.State != tape.Empty || f.Medium != nil || f.Device == nil || len(f.Problems) != 0 || f.Kind() != "" {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestGatherNoAnswer(t *testing.T) {
	for _, at := range []string{"1200", "00", "4d12", "4d17", "8c", "1a10", "a2"} {
		s := full(t)
		s[at] = "lost"
		if _, err := gather(t, s); !errors.Is(err, errCable) {
			t.Errorf("%s: %v", at, err)
		}
	}
}
