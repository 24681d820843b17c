package label_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
	"calypso/tape/label"
	"calypso/tape/label/labeltest"
)

var sample = label.Label{
	Volume: "V00001L8", UUID: "6f2d7a60-1c1e-4a53-9d0f-2b7a4d1c9e11",
	Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Host: "backup1", BlockSize: 262144, Software: "calypso 0.1.0",
}

// sampleText is written here by hand from docs/tape-format.md, not by the encoder.
const sampleText = `format: calypso-tape
version: 1
volume: V00001L8
uuid: 6f2d7a60-1c1e-4a53-9d0f-2b7a4d1c9e11
created: 2026-01-02T03:04:05Z
host: backup1
block_size_bytes: 262144
software: calypso 0.1.0
`

func TestEncodeBytes(t *testing.T) {
	b, err := sample.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != 10240 {
		t.Fatalf("block of %d bytes", len(b))
	}
	for _, c := range []struct {
		at   int
		want string
	}{
		{0, ".calypso_label\x00"}, {100, "0000644\x00"}, {124, "00000000271\x00"}, {136, "15125632645\x00"},
		{156, "0"}, {257, "ustar\x0000"}, {512, sampleText}, {512 + len(sampleText), "\x00"},
	} {
		if got := string(b[c.at : c.at+len(c.want)]); got != c.want {
			t.Errorf("at %d: %q, want %q", c.at, got, c.want)
		}
	}
	if rest := bytes.Trim(b[512+len(sampleText):], "\x00"); len(rest) != 0 {
		t.Errorf("behind the member: %q", rest)
	}
}

func TestDecodeInvertsEncode(t *testing.T) {
	odd := sample
	odd.UUID = "11111111-1111-4111-8111-111111111111" // YAML must not take a part for a number
	odd.Host, odd.Software = "", "calypso: \"odd\" # é"
	for _, want := range []label.Label{sample, odd} {
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := label.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// The label of testdata was made by GNU tar from a file written by hand.
func TestDecodeLabelMadeByHand(t *testing.T) {
	img, err := labeltest.Get("calypso")
	if err != nil {
		t.Fatal(err)
	}
	got, err := label.Decode(img.Objects[0])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&sample, got); diff != "" {
		t.Error(diff)
	}
}

func TestTarProgramsReadLabel(t *testing.T) {
	b, err := sample.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"tar", "bsdtar"} {
		t.Run(tool, func(t *testing.T) {
			path, err := exec.LookPath(tool)
			if err != nil {
				t.Skipf("no %s on this machine", tool)
			}
			dir := t.TempDir()
			archive := filepath.Join(dir, "block")
			if err := os.WriteFile(archive, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(path, "-tf", archive).CombinedOutput(); err != nil || string(out) != ".calypso_label\n" {
				t.Errorf("list: %q, %v", out, err)
			}
			if out, err := exec.Command(path, "-xf", archive, "-C", dir).CombinedOutput(); err != nil || len(out) != 0 {
				t.Errorf("extract: %q, %v", out, err)
			}
			if got, err := os.ReadFile(filepath.Join(dir, ".calypso_label")); err != nil || string(got) != sampleText {
				t.Errorf("extracted %q, %v", got, err)
			}
		})
	}
}

// block packs a text as a label, as any tar would.
func block(t *testing.T, header tar.Header, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	header.Size = int64(len(text))
	if header.Name == "" {
		header.Name = ".calypso_label"
	}
	if err := w.WriteHeader(&header); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return append(buf.Bytes(), make([]byte, max(0, 10240-buf.Len()))...)
}

func TestDecodeRefusesText(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(sampleText, old, new, 1) }
	for name, text := range map[string]string{
		"other format":       change("calypso-tape", "calypso-manifest"),
		"no format":          change("format: calypso-tape\n", ""),
		"version 0":          change("version: 1", "version: 0"),
		"version text":       change("version: 1", "version: one"),
		"octal block size":   change("262144", "0262144"),
		"hex block size":     change("262144", "0x40000"),
		"negative size":      change("262144", "-512"),
		"float block size":   change("262144", "262144.0"),
		"quoted block size":  change("262144", `"262144"`),
		"odd block size":     change("262144", "262143"),
		"small block size":   change("262144", "256"),
		"huge block size":    change("262144", "99999999999999999999"),
		"volume as path":     change("V00001L8", "../V00001L8"),
		"volume as flag":     change("V00001L8", "-rf"),
		"empty volume":       change("V00001L8", `""`),
		"null volume":        change("V00001L8", "~"),
		"list as volume":     change("V00001L8", "[a]"),
		"short uuid":         change("-4a53-", "-"),
		"local time":         change("05Z", "05+01:00"),
		"date only":          change("2026-01-02T03:04:05Z", "2026-01-02"),
		"time with fraction": change("05Z", "05.5Z"),
		"before 1970":        change("2026", "1926"),
		"escape in host":     change("backup1", `"\e[2Jx"`),
		"long host":          change("backup1", strings.Repeat("h", 256)),
		"missing host":       change("host: backup1\n", ""),
		"missing software":   change("software: calypso 0.1.0\n", ""),
		"unknown key":        sampleText + "extra: 1\n",
		"double key":         sampleText + "host: other\n",
		"two documents":      sampleText + "---\n" + sampleText,
		"not YAML":           "\x00\x01\x02",
		"a list":             "- format: calypso-tape\n",
		"empty":              "",
	} {
		_, err := label.Decode(block(t, tar.Header{}, text))
		if !errors.Is(err, label.ErrDamaged) {
			t.Errorf("%s: error %v, want ErrDamaged", name, err)
		}
	}
}

func TestDecodeNewerVersion(t *testing.T) {
	text := strings.Replace(sampleText, "version: 1", "version: 2", 1) + "key_of_tomorrow: 1\n"
	_, err := label.Decode(block(t, tar.Header{}, text))
	if errcode.Of(err) != errcode.StateNewer {
		t.Errorf("error %v, code %s", err, errcode.Of(err))
	}
}

// checksum is that of a tar header (POSIX pax, ustar interchange format).
func checksum(header []byte) string {
	sum := 8 * int(' ')
	for i, c := range header {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	return fmt.Sprintf("%06o\x00 ", sum)
}

func TestDecodeRefusesArchive(t *testing.T) {
	good, err := sample.Encode()
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 1
		return b
	}
	typed := func(flag byte) []byte {
		b := bytes.Clone(good)
		b[156] = flag
		copy(b[148:], checksum(b[:512]))
		return b
	}
	two := bytes.Clone(good)
	copy(two[1024:], good[:1024])
	if _, err := label.Decode(typed(0)); err != nil {
		t.Errorf("type NUL, a regular file of old tars: %v", err)
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"checksum":     {flip(130), label.ErrDamaged},
		"long name":    {typed('L'), label.ErrDamaged},
		"contiguous":   {typed('7'), label.ErrDamaged},
		"symlink":      {typed('2'), label.ErrDamaged},
		"type":         {flip(156), label.ErrDamaged},
		"short block":  {good[:5120], label.ErrDamaged},
		"long block":   {append(bytes.Clone(good), 0), label.ErrDamaged},
		"behind":       {flip(10239), label.ErrDamaged},
		"two members":  {two, label.ErrDamaged},
		"other name":   {flip(5), label.ErrNotLabel},
		"no header":    {good[:511], label.ErrNotLabel},
		"nothing":      {nil, label.ErrNotLabel},
		"pax in front": {block(t, tar.Header{Name: ".calypso_label", Format: tar.FormatPAX, PAXRecords: map[string]string{"comment": "x"}}, sampleText), label.ErrNotLabel},
	} {
		if _, err := label.Decode(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, change := range map[string]func(*label.Label){
		"volume":     func(l *label.Label) { l.Volume = "a b" },
		"uuid":       func(l *label.Label) { l.UUID = "" },
		"zero time":  func(l *label.Label) { l.Created = time.Time{} },
		"far future": func(l *label.Label) { l.Created = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"block size": func(l *label.Label) { l.BlockSize = 1 << 24 },
		"host":       func(l *label.Label) { l.Host = "a\nb" },
		"software":   func(l *label.Label) { l.Software = "\xff" },
	} {
		l := sample
		change(&l)
		if b, err := l.Encode(); err == nil || b != nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

func TestCheckVolume(t *testing.T) {
	for _, ok := range []string{"V00001L8", "a", "0", "tape_2026-01.full", strings.Repeat("x", 32)} {
		if err := label.CheckVolume(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", "-rf", ".hidden", "_x", "../x", "a/b", "a b", "a\n", "é", strings.Repeat("x", 33), strings.Repeat("x", 300)} {
		if err := label.CheckVolume(bad); errcode.Of(err) != errcode.NameInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestNew(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.FixedZone("", 7200))
	a, err := label.New("V1", "host", "calypso 1", 65536, now)
	if err != nil {
		t.Fatal(err)
	}
	if !a.Created.Equal(time.Date(2026, 5, 6, 5, 8, 9, 0, time.UTC)) || a.Created.Location() != time.UTC {
		t.Errorf("created %v", a.Created)
	}
	if a.UUID[14] != '4' || !strings.ContainsRune("89ab", rune(a.UUID[19])) {
		t.Errorf("uuid %s is not of version 4", a.UUID)
	}
	b, _ := label.New("V1", "host", "calypso 1", 65536, now)
	if a.UUID == b.UUID {
		t.Error("two labels have one uuid")
	}
	if _, err := label.New("", "host", "calypso 1", 65536, now); err == nil {
		t.Error("a volume without a name")
	}
}
