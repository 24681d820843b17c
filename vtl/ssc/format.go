package ssc

// format is what an LTO format looks like on the tape. Lengths and bits per millimetre up to LTO-5 are
// those that an LTO-5 drive reports (REPORT DENSITY SUPPORT); a data set is what a drive writes as a
// unit, from what recorded volume statistics count.
type format struct {
	density     byte
	name        string // of the density, e.g. "U-832"
	description string
	medium      string // the medium's name less its kind, e.g. "LTO8" of "LTO8Data"
	title       string // e.g. "Ultrium 8"
	personality string // media identifier of a data cartridge, "L8"
	capacityMB  int64  // native
	bitsPerMM   int
	tracks      int
	wraps       int
	lengthM     int64
	dataSet     int64 // bytes
	bytesPerSec int64 // native speed
}

// formats in ascending order of the density code, which is that of the generations.
var formats = []format{
	{0x44, "U-316", "Ultrium 3/16T", "LTO3", "Ultrium 3", "L3", 400_000, 9638, 704, 44, 680, 1_616_940, 80e6},
	{0x46, "U-416", "Ultrium 4/16T", "LTO4", "Ultrium 4", "L4", 800_000, 12725, 896, 56, 820, 1_616_940, 120e6},
	{0x58, "U-516", "Ultrium 5/16T", "LTO5", "Ultrium 5", "L5", 1_500_000, 15142, 1280, 80, 846, 2_472_960, 140e6},
	{0x5A, "U-616", "Ultrium 6/16T", "LTO6", "Ultrium 6", "L6", 2_500_000, 15142, 2176, 136, 846, 2_472_960, 160e6},
	{0x5C, "U-732", "Ultrium 7/32T", "LTO7", "Ultrium 7", "L7", 6_000_000, 19107, 3584, 112, 960, 5_031_936, 300e6},
	{0x5D, "U-M832", "Ultrium M8/32T", "LTM8", "Ultrium M8", "M8", 9_000_000, 19107, 5376, 168, 960, 5_031_936, 300e6},
	{0x5E, "U-832", "Ultrium 8/32T", "LTO8", "Ultrium 8", "L8", 12_000_000, 20669, 6656, 208, 960, 5_031_936, 360e6},
	{0x60, "U-932", "Ultrium 9/32T", "LTO9", "Ultrium 9", "L9", 18_000_000, 21458, 8960, 280, 1035, 9_804_800, 400e6},
	{0x62, "U-1032", "Ultrium 10/32T", "LTOA", "Ultrium 10", "LA", 30_000_000, 21657, 15104, 472, 1035, 9_804_800, 400e6},
}

// tapeWidth is that of all LTO tapes, in tenths of a millimetre.
const tapeWidth = 127

// formatOf finds the format of a density code; the oldest stands for one that is not known.
func formatOf(density byte) format {
	for i := range formats {
		if formats[i].density == density {
			return formats[i]
		}
	}
	return formats[0]
}

// bytesPerWrap is what one pass from end to end of the tape holds.
func (f format) bytesPerWrap() int64 { return f.capacityMB * megabyte / int64(f.wraps) }
