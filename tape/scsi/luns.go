package scsi

import "encoding/binary"

// ParseReportLUNs decodes the list of logical units, each as its 8 bytes (SPC-5 6.33).
func ParseReportLUNs(data []byte) ([]uint64, error) {
	if len(data) < 8 {
		return nil, shortData("LUN list", len(data), 8)
	}
	list := extent(data, 8, uint64(uint32At(data, 0)))[8:]
	luns := make([]uint64, 0, len(list)/8)
	for ; len(list) >= 8; list = list[8:] {
		luns = append(luns, binary.BigEndian.Uint64(list))
	}
	return luns, nil
}
