package image

import (
	"path/filepath"
	"testing"
)

func TestCleaningCartridge(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "CLNU01CU")
	if err := Create(dir, Spec{Barcode: "CLNU01CU", Generation: Universal().Name}); err != nil {
		t.Fatal(err)
	}
	tape, err := openOnly(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	m := tape.Meta()
	if !m.Cleaning || m.CleaningsLeft != 50 || m.CapacityBytes != 0 || m.DensityCode != 0 {
		t.Errorf("memory %+v", m)
	}
	if err := tape.WriteBlock(0, []byte("x")); err == nil {
		t.Error("a block was written on a cleaning cartridge")
	}
	if err := tape.SetMeta(func(m *Meta) { m.CleaningsLeft-- }); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*Meta){
		"a capacity":         func(m *Meta) { m.CapacityBytes, m.NativeCapacityBytes = 1, 1 },
		"a negative count":   func(m *Meta) { m.CleaningsLeft = -1 },
		"a density":          func(m *Meta) { m.DensityCode = 0x5E },
		"another generation": func(m *Meta) { m.Generation, m.DensityCode = "LTO-8", 0x5E },
		"no cleaning":        func(m *Meta) { m.Cleaning = false },
	} {
		if err := tape.SetMeta(change); err == nil {
			t.Errorf("a cleaning cartridge with %s was written", what)
		}
	}
	if err := tape.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadMeta(dir); err != nil || got.CleaningsLeft != 49 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, ok := GenerationByName("universal"); ok {
		t.Error("a drive or a library can be of the generation of cleaning cartridges")
	}
}
