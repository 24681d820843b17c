package ssc

import "strconv"

// generation is what the number of an LTO generation stands for.
type generation struct {
	name       string
	number     int
	density    byte // density code (SSC-5 and the LTO formats)
	mediumType byte // of data cartridges in the mode parameter header
	wormType   byte
	reads      int // how many generations back the drive reads
	writes     int // how many generations back the drive writes
	onlyIn     int // the one generation of drives that takes this cartridge; 0: by the rule
}

// generations are the cartridges that can meet a drive, and the drives from LTO-5 on. Up to LTO-7 a
// drive reads two generations back and writes one; LTO-8 and LTO-9 go one back, LTO-10 none. LTO-7M
// (M8) is an LTO-7 cartridge formatted by an LTO-8 drive, which no other drive takes.
var generations = []generation{
	{"LTO-3", 3, 0x44, 0x38, 0x3C, 2, 1, 0},
	{"LTO-4", 4, 0x46, 0x48, 0x4C, 2, 1, 0},
	{"LTO-5", 5, 0x58, 0x58, 0x5C, 2, 1, 0},
	{"LTO-6", 6, 0x5A, 0x68, 0x6C, 2, 1, 0},
	{"LTO-7", 7, 0x5C, 0x78, 0x7C, 2, 1, 0},
	{"LTO-7M", 7, 0x5D, 0x78, 0x7C, 0, 0, 8},
	{"LTO-8", 8, 0x5E, 0x88, 0x8C, 1, 1, 0},
	{"LTO-9", 9, 0x60, 0x98, 0x9C, 1, 1, 0},
	{"LTO-10", 10, 0x62, 0xA8, 0xAC, 0, 0, 0},
}

const oldestDrive = 5

func lookupGeneration(name string) (generation, bool) {
	for _, g := range generations {
		if g.name == name {
			return g, true
		}
	}
	return generation{}, false
}

// canRead says whether a drive of generation g can read a cartridge of generation m.
func (g generation) canRead(m generation) bool { return g.takes(m, g.reads) }

// canWrite says whether a drive of generation g can write a cartridge of generation m.
func (g generation) canWrite(m generation) bool { return g.takes(m, g.writes) }

func (g generation) takes(m generation, back int) bool {
	if m.onlyIn != 0 {
		return g.number == m.onlyIn
	}
	return m.number <= g.number && m.number >= g.number-back
}

// isDrive says whether there are drives of this generation here.
func (g generation) isDrive() bool { return g.number >= oldestDrive && g.onlyIn == 0 }

// product is the product identification of a drive of this generation.
func (g generation) product() string { return "ULTRIUM-TD" + strconv.Itoa(g.number) }

// Compatible says what a drive of one generation does with a cartridge of another ("LTO-8"). Who
// plays the robot asks before it inserts, as a library does.
func Compatible(drive, cartridge string) (reads, writes bool) {
	d, known := lookupGeneration(drive)
	m, knownToo := lookupGeneration(cartridge)
	if !known || !knownToo || !d.isDrive() {
		return false, false
	}
	return d.canRead(m), d.canWrite(m)
}
