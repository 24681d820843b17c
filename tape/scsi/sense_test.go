package scsi

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseSense(t *testing.T) {
	tests := []struct {
		name, raw string
		want      Sense
		text      string
	}{
		{"filemark, fixed", "f0 00 80 00 04 00 00 0a 00 00 00 00 00 01 00 00 00 00",
			Sense{Filemark: true, ASC: ASCFilemark, InfoValid: true, Info: 0x40000},
			"no sense: filemark detected (0/00/01)"},
		{"block too long, negative residue", "f0 00 20 ff ff fe 00 0a 00 00 00 00 00 00 00 00 00 00",
			Sense{ILI: true, InfoValid: true, Info: -512},
			"no sense: incorrect block length (0/00/00)"},
		{"early warning, information not valid", "70 00 40 00 00 00 07 0a 00 00 00 00 00 02 00 00 00 00",
			Sense{EOM: true, ASC: ASCEndOfMedium, Info: 7},
			"no sense: end-of-partition/medium detected (0/00/02)"},
		{"deferred write error", "71 00 03 00 00 00 00 0a 00 00 00 00 0c 00 00 00 00 00",
			Sense{Deferred: true, Key: MediumError, ASC: 0x0C00},
			"deferred medium error: write error (3/0C/00)"},
		{"field pointer with bit", "70 00 05 00 00 00 00 0a 00 00 00 00 24 00 00 cb 00 07",
			Sense{Key: IllegalRequest, ASC: ASCInvalidField, SKSValid: true, SKS: [3]byte{0xCB, 0, 7}},
			"illegal request: invalid field in CDB (5/24/00) at CDB byte 7 bit 3"},
		{"field pointer in parameters", "70 00 05 00 00 00 00 0a 00 00 00 00 26 00 00 80 01 02",
			Sense{Key: IllegalRequest, ASC: ASCInvalidParameter, SKSValid: true, SKS: [3]byte{0x80, 1, 2}},
			"illegal request: invalid field in parameter list (5/26/00) at parameter byte 258"},
		{"descriptors", "72 05 24 00 00 00 00 18 00 0a 80 00 ff ff ff ff ff ff fe 00 02 06 00 00 c0 00 04 00 04 02 00 a0",
			Sense{Key: IllegalRequest, ASC: ASCInvalidField, InfoValid: true, Info: -512, SKSValid: true,
				SKS: [3]byte{0xC0, 0, 4}, Filemark: true, ILI: true},
			"illegal request: invalid field in CDB (5/24/00) at CDB byte 4"},
		{"descriptors deferred, unknown one first", "73 04 44 00 00 00 00 08 80 02 11 22 04 02 00 40",
			Sense{Deferred: true, Key: HardwareError, ASC: 0x4400, EOM: true},
			"deferred hardware error: internal target failure (4/44/00)"},
		{"no additional bytes", "70 00 02 00 00 00 00 00 00 00 00 00 3a 00 00 00 00 00",
			Sense{Key: NotReady}, "not ready: no additional sense information (2/00/00)"},
		{"cut after the key", "70 00 06", Sense{Key: UnitAttention}, "unit attention: no additional sense information (6/00/00)"},
		{"cut before the qualifier", "72 02 3a", Sense{Key: NotReady, ASC: 0x3A00}, "not ready: medium not present (2/3A/00)"},
		{"descriptor lies about its length", "72 03 11 00 00 00 00 ff 00 ff 80 00 00 00",
			Sense{Key: MediumError, ASC: 0x1100}, "medium error: unrecovered read error (3/11/00)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := unhex(t, tt.raw)
			got, err := ParseSense(raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Sense{}, "Raw")); diff != "" {
				t.Error(diff)
			}
			if !bytes.Equal(got.Raw, raw) {
				t.Error("raw bytes not kept")
			}
			if got.String() != tt.text {
				t.Errorf("text %q, want %q", got, tt.text)
			}
		})
	}
}

func TestParseSenseRefuses(t *testing.T) {
	if _, err := ParseSense([]byte{0x70, 0}); !errors.Is(err, ErrShort) {
		t.Errorf("2 bytes: %v", err)
	}
	if _, err := ParseSense(make([]byte, 18)); err == nil {
		t.Error("response code 0 accepted")
	}
}

func TestProgress(t *testing.T) {
	s, err := ParseSense(unhex(t, "70 00 02 00 00 00 00 0a 00 00 00 00 04 01 00 80 40 00"))
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := s.Progress(); !ok || p != 0.25 {
		t.Errorf("progress %v %v, want 0.25", p, ok)
	}
	if _, ok := s.FieldPointer(); ok {
		t.Error("a NOT READY has no field pointer")
	}
	s.Key = MediumError
	if _, ok := s.Progress(); ok {
		t.Error("a MEDIUM ERROR has no progress")
	}
}

func TestErrorTexts(t *testing.T) {
	cdb := []byte{0x10, 0, 0, 0, 1, 0}
	tests := []struct {
		err  error
		want string
	}{
		{&SenseError{cdb, Sense{Key: DataProtect, ASC: ASCWriteProtected}}, "WRITE FILEMARKS(6): data protect: write protected (7/27/00)"},
		{&StatusError{cdb, 0x18}, "WRITE FILEMARKS(6): reserved by another host (status 18h)"},
		{&StatusError{cdb, StatusBusy}, "WRITE FILEMARKS(6): device busy (status 08h)"},
		{&StatusError{cdb, StatusTaskSetFull}, "WRITE FILEMARKS(6): device's queue is full (status 28h)"},
		{&StatusError{cdb, StatusTaskAborted}, "WRITE FILEMARKS(6): command aborted by another host (status 40h)"},
		{&SenseError{cdb, Sense{Filemark: true}}, "WRITE FILEMARKS(6): no sense: filemark (0/00/00)"},
		{&SenseError{cdb, Sense{EOM: true}}, "WRITE FILEMARKS(6): no sense: end of medium (0/00/00)"},
		{&SenseError{cdb, Sense{}}, "WRITE FILEMARKS(6): no sense (0/00/00)"},
		{&PageError{0x83, 0x80}, "page 83h was asked for, page 80h came"},
		{&StatusError{cdb, 0x30}, "WRITE FILEMARKS(6): SCSI status 30h"},
		{&TransportError{[]byte{0xFF}, ErrInjected}, "opcode FFh: answer lost: injected fault"},
		{&TransportError{nil, ErrInjected}, "empty CDB: answer lost: injected fault"},
	}
	for _, tt := range tests {
		if tt.err.Error() != tt.want {
			t.Errorf("got %q, want %q", tt.err, tt.want)
		}
	}
	if _, ok := SenseOf(fmt.Errorf("x: %w", tests[0].err)); !ok {
		t.Error("sense not found in the chain")
	}
	if _, ok := SenseOf(ErrInjected); ok {
		t.Error("sense found where there is none")
	}
	if !errors.Is(&TransportError{nil, ErrInjected}, ErrInjected) {
		t.Error("a transport error hides its cause")
	}
}

func TestASCTexts(t *testing.T) {
	tests := map[ASC]string{
		0x4085: "diagnostic failure on component 85h",
		0x8282: "vendor specific code 82/82",
		0x2780: "vendor specific code 27/80",
		0x7F01: "code 7F/01",
	}
	for asc, want := range tests {
		if asc.String() != want {
			t.Errorf("%04X: %q, want %q", uint16(asc), asc, want)
		}
	}
}

// TestASCTextsAgainstJudge compares the whole table with that of sg_decode_sense.
func TestASCTextsAgainstJudge(t *testing.T) {
	judge := judge(t, "sg_decode_sense")
	for asc, text := range ascTexts {
		raw := make([]byte, 18)
		raw[0], raw[2], raw[7], raw[12], raw[13] = 0x70, 0x05, 10, byte(asc>>8), byte(asc)
		out := run(t, judge, hexArgs(raw)...)
		if !strings.Contains(fold(out), fold(text)) {
			t.Errorf("%04X: %q, the judge says:\n%s", uint16(asc), text, out)
		}
	}
}

// fold hides the differences that do not change a text's meaning.
func fold(s string) string {
	s = strings.ToLower(s)
	for _, cut := range []string{",", "-", " ", "."} {
		s = strings.ReplaceAll(s, cut, "")
	}
	return s
}

func TestSenseAgainstJudge(t *testing.T) {
	judge := judge(t, "sg_decode_sense")
	tests := []struct{ raw, want string }{
		{"72 05 24 00 00 00 00 18 00 0a 80 00 ff ff ff ff ff ff fe 00 02 06 00 00 c0 00 04 00 04 02 00 a0",
			"Information: 0xfffffffffffffe00"},
		{"f0 00 85 00 00 00 05 0a 00 00 00 00 24 00 00 cb 00 07", "byte 7 bit 3"},
	}
	for _, tt := range tests {
		if out := run(t, judge, hexArgs(unhex(t, tt.raw))...); !strings.Contains(out, tt.want) {
			t.Errorf("the judge does not say %q:\n%s", tt.want, out)
		}
	}
}

// TestOpcodeNamesAgainstJudge compares names that do not depend on the device type.
func TestOpcodeNamesAgainstJudge(t *testing.T) {
	judge := judge(t, "sg_decode_sense")
	for _, op := range []byte{0x00, 0x03, 0x12, 0x1D, 0x3B, 0x3C, 0x4C, 0x4D, 0x55, 0x5A, 0x5E, 0x5F, 0x8C, 0x8D, 0xA0, 0xA2, 0xB5} {
		cdb := make([]byte, 16)
		cdb[0] = op
		out := run(t, judge, append([]string{"--cdb"}, hexArgs(cdb)...)...)
		if !strings.Contains(fold(out), fold(OpcodeName(cdb))) {
			t.Errorf("%02X: %q, the judge says %q", op, OpcodeName(cdb), out)
		}
	}
}

func hexArgs(b []byte) []string {
	args := make([]string, len(b))
	for i, c := range b {
		args[i] = fmt.Sprintf("%02x", c)
	}
	return args
}

func judge(t *testing.T, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("%s (sg3-utils) is not installed", tool)
	}
	return path
}

func run(t *testing.T, tool string, args ...string) string {
	t.Helper()
	out, err := exec.Command(tool, args...).CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatalf("%s: %v", tool, err)
	}
	return string(out)
}
