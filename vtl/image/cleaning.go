package image

import "fmt"

// CleaningsNew is how often a new cleaning cartridge cleans a drive (LTO).
const CleaningsNew = 50

const universal = "universal"

// Universal is the generation of cleaning cartridges: every drive takes them. There is no tape to write
// on in them, so it is not one of Generations and has no density and no capacity.
func Universal() Generation { return Generation{Name: universal, MediaID: "CU"} }

// cartridgeGeneration finds the generation of a cartridge, data or cleaning.
func cartridgeGeneration(name string) (Generation, bool) {
	if name == universal {
		return Universal(), true
	}
	return GenerationByName(name)
}

// checkCapacity holds that data cartridges have a capacity and cleaning cartridges none.
func (m *Meta) checkCapacity() error {
	possible := m.CapacityBytes >= 1 && m.CapacityBytes <= m.NativeCapacityBytes && m.NativeCapacityBytes <= 1<<56
	if m.Cleaning {
		possible = m.CapacityBytes == 0 && m.NativeCapacityBytes == 0
	}
	if !possible {
		return fmt.Errorf("capacity of %d of %d bytes is impossible", m.CapacityBytes, m.NativeCapacityBytes)
	}
	return nil
}
