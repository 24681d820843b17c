package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
)

// The values are those of the LTO format sheets: capacity in GB, density codes of SSC-5.
func TestGenerations(t *testing.T) {
	want := []struct {
		name    string
		density byte
		gb      int64
		mib     int64
		id      string
	}{
		{"LTO-5", 0x58, 1500, 1430511, "L5"}, {"LTO-6", 0x5A, 2500, 2384185, "L6"}, {"LTO-7", 0x5C, 6000, 5722045, "L7"},
		{"LTO-7M", 0x5D, 9000, 8583068, "M8"}, {"LTO-8", 0x5E, 12000, 11444091, "L8"}, {"LTO-9", 0x60, 18000, 17166137, "L9"},
		{"LTO-10", 0x62, 30000, 28610229, "LA"},
	}
	if len(want) != len(Generations) {
		t.Fatalf("%d generations", len(Generations))
	}
	for i, w := range want {
		g := Generations[i]
		if g.Name != w.name || g.DensityCode != w.density || g.CapacityBytes != w.gb*1e9 || g.CapacityMiB != w.mib || g.MediaID != w.id {
			t.Errorf("%+v, want %+v", g, w)
		}
		if g.CapacityMiB != g.CapacityBytes>>20 {
			t.Errorf("%s: %d MiB are not %d bytes", g.Name, g.CapacityMiB, g.CapacityBytes)
		}
		byDensity, _ := GenerationByDensity(w.density)
		byID, worm, _ := GenerationByMediaID(w.id)
		byName, _ := GenerationByName(strings.ToLower(strings.ReplaceAll(w.name, "-", "")))
		if byDensity != g || byID != g || worm || byName != g {
			t.Errorf("%s is not found by all its names", g.Name)
		}
	}
	if g, worm, ok := GenerationByMediaID("LY"); g.Name != "LTO-8" || !worm || !ok {
		t.Errorf("LY is %+v, %v, %v", g, worm, ok)
	}
	for _, id := range []string{"", "L4", "XX", "CU"} {
		if _, _, ok := GenerationByMediaID(id); ok {
			t.Errorf("media id %q is known", id)
		}
	}
}

func TestMetaSurvives(t *testing.T) {
	dir := create(t, 5_000_000)
	tape := open(t, dir, false)
	err := tape.SetMeta(func(m *Meta) {
		m.LoadCount, m.WriteProtect = 3, true
		m.SetAttribute(Attribute{ID: 0x0806, Format: 1, Value: []byte("V00001L8")})
		m.SetAttribute(Attribute{ID: 0x0801, Format: 1, Value: []byte("calypso")})
		m.SetAttribute(Attribute{ID: 0x0803, Format: 2, Value: []byte{0xFF, 0}})
		m.SetAttribute(Attribute{ID: 0x0801, Format: 1, Value: []byte("Calypso")})
		m.SetAttribute(Attribute{ID: 0x0803})
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, tape, []byte("12345"))
	if _, err := tape.ReadBlock(0, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	want := tape.Meta()
	closeTape(t, tape)
	got, err := ReadMeta(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if len(got.Attributes) != 2 || got.Attributes[0].ID != 0x0801 || string(got.Attributes[0].Value) != "Calypso" {
		t.Fatalf("attributes %+v", got.Attributes)
	}
	if got.LifetimeWrittenBytes != 5 || got.LifetimeReadBytes != 5 || got.CapacityBytes != 5_000_000 || got.NativeCapacityBytes != 12e12 {
		t.Fatalf("%+v", got)
	}
}

func TestBadMeta(t *testing.T) {
	good := func() string {
		data, _ := os.ReadFile(filepath.Join(create(t, 0), metaName))
		return string(data)
	}()
	replace := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	for name, c := range map[string]struct {
		content string
		code    errcode.Code
	}{
		"empty":        {"", errcode.ImageDamaged},
		"not JSON":     {"\x00\x01", errcode.ImageDamaged},
		"trailing":     {good + "{}", errcode.ImageDamaged},
		"newer":        {`{"schema_version": 3, "what": "ever"}`, errcode.ImageNewer},
		"no version":   {`{}`, errcode.ImageDamaged},
		"unknown key":  {replace(`"worm"`, `"warm"`), errcode.ImageDamaged},
		"generation":   {replace("LTO-8", "LTO-4"), errcode.ImageDamaged},
		"density":      {replace(`"5E"`, `"5C"`), errcode.ImageDamaged},
		"capacity":     {replace(`"capacity_bytes": 12`, `"capacity_bytes": -12`), errcode.ImageDamaged},
		"barcode":      {replace("V00001L8", `../x\n`), errcode.ImageDamaged},
		"counter":      {replace(`"load_count": 0`, `"load_count": -1`), errcode.ImageDamaged},
		"attribute id": {replace(`[]`, `[{"id":"6","format":"text","read_only":false,"value_hex":""}]`), errcode.ImageDamaged},
	} {
		dir := create(t, 0)
		if err := os.WriteFile(filepath.Join(dir, metaName), []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, false)
		if errcode.Of(err) != c.code || err != nil && !strings.Contains(err.Error(), metaName) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMissingFiles(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none"), true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	for _, name := range []string{metaName, dataName} {
		dir := create(t, 0)
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, false); errcode.Of(err) != errcode.ImageDamaged || !strings.Contains(err.Error(), name) {
			t.Errorf("no %s: %v", name, err)
		}
	}
}

func TestUpdateMetaRefusesNonsense(t *testing.T) {
	dir := create(t, 0)
	before, _ := os.ReadFile(filepath.Join(dir, metaName))
	if err := UpdateMeta(dir, func(m *Meta) { m.CapacityBytes = 0 }); err == nil {
		t.Error("a capacity of 0 was written")
	}
	if after, _ := os.ReadFile(filepath.Join(dir, metaName)); string(after) != string(before) {
		t.Error("meta.json was changed")
	}
}

func TestCreateThousand(t *testing.T) {
	root := t.TempDir()
	serials := map[string]bool{}
	for i := range 1000 {
		code := fmt.Sprintf("V%05dL8", i)
		if err := Create(filepath.Join(root, code), Spec{Barcode: code, Generation: "LTO-8"}); err != nil {
			t.Fatal(err)
		}
		m, err := ReadMeta(filepath.Join(root, code))
		if err != nil || m.Barcode != code {
			t.Fatalf("%+v, %v", m, err)
		}
		serials[m.MediumSerial] = true
	}
	if len(serials) != 1000 {
		t.Errorf("only %d different serial numbers", len(serials))
	}
	if err := Create(filepath.Join(root, "V00001L8"), Spec{Barcode: "V00001L8", Generation: "LTO-8"}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("created twice: %v", err)
	}
}

// A cartridge of the first version is taken as it is; what it does not know is zero.
func TestMetaOfSchema1(t *testing.T) {
	m, err := decodeMeta([]byte(`{"schema_version": 1, "barcode": "V00001L8", "generation": "LTO-8", "density_code": "5E",
		"medium_serial": "A", "manufacturer": "CALYPSO", "manufacture_date": "20250102", "native_capacity_bytes": 12000000000000,
		"capacity_bytes": 1048576, "write_protect": false, "worm": true, "load_count": 3, "lifetime_written_bytes": 5,
		"lifetime_read_bytes": 7, "attributes": []}`))
	if err != nil {
		t.Fatal(err)
	}
	if m.LoadCount != 3 || !m.WORM || m.Cleaning || m.Usage != (Usage{}) || len(m.Partitions) != 0 {
		t.Errorf("got %+v; want the values of the file and zeros", m)
	}
}
