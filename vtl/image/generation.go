package image

import "strings"

// Generation is one kind of cartridge.
type Generation struct {
	Name          string // "LTO-8"
	DensityCode   byte   // SSC-5 density code, of MODE SENSE and MAM 0405h
	MediumType    byte   // of the MODE SENSE header, data cartridge (IBM's values)
	MediaID       string // the last two characters of a barcode
	WORMMediaID   string // the same for a write-once cartridge; "" when there is none known
	CapacityBytes int64  // native
	CapacityMiB   int64  // native, as MAM 0001h reports it (rounded down)
}

// Generations is the one table of the cartridges that a virtual drive takes, oldest first.
var Generations = []Generation{
	{"LTO-5", 0x58, 0x58, "L5", "LV", 1_500_000e6, 1_430_511},
	{"LTO-6", 0x5A, 0x68, "L6", "LW", 2_500_000e6, 2_384_185},
	{"LTO-7", 0x5C, 0x78, "L7", "LX", 6_000_000e6, 5_722_045},
	{"LTO-7M", 0x5D, 0x78, "M8", "", 9_000_000e6, 8_583_068},
	{"LTO-8", 0x5E, 0x88, "L8", "LY", 12_000_000e6, 11_444_091},
	{"LTO-9", 0x60, 0x98, "L9", "LZ", 18_000_000e6, 17_166_137},
	{"LTO-10", 0x62, 0xA8, "LA", "", 30_000_000e6, 28_610_229},
}

// GenerationByName finds "LTO-8"; it takes "lto8" and "LTO8" too.
func GenerationByName(name string) (Generation, bool) {
	want := plainName(name)
	return findGeneration(func(g Generation) bool { return plainName(g.Name) == want })
}

// GenerationByMediaID finds the generation of a barcode's last two characters, and whether they mean
// a write-once cartridge.
func GenerationByMediaID(id string) (g Generation, worm, ok bool) {
	if g, ok = findGeneration(func(g Generation) bool { return g.MediaID == id }); ok {
		return g, false, true
	}
	g, ok = findGeneration(func(g Generation) bool { return id != "" && g.WORMMediaID == id })
	return g, ok, ok
}

// GenerationByDensity finds the generation of a density code.
func GenerationByDensity(code byte) (Generation, bool) {
	return findGeneration(func(g Generation) bool { return g.DensityCode == code })
}

func findGeneration(match func(Generation) bool) (Generation, bool) {
	for _, g := range Generations {
		if match(g) {
			return g, true
		}
	}
	return Generation{}, false
}

func plainName(s string) string {
	return strings.ReplaceAll(strings.ToUpper(s), "-", "")
}
