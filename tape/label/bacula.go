package label

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// baculaData gives, for each block format, where the data of the first record begins: behind the
// block header (16, 24 and 32 bytes) and the record header (20, 12 and 12), which ends with file index,
// stream and length. All integers are big-endian.
var baculaData = map[string]int{"BB01": 36, "BB02": 36, "BB03": 44}

// preLabel is the file index of the label of a volume that was never written.
const preLabel = -1

// baculaTimes is what stands between the version number and the volume name: two times of the label
// (microseconds, or a date and a time of day before version 11) and two more, eight bytes each.
const baculaTimes = 32

// baculaVolume knows the volumes of Bacula and Bareos: the format at 12, then a label record.
func baculaVolume(h head) (Found, bool) {
	b := h.block(0)
	format := string(slice(b, 12, 4))
	data, ok := baculaData[format]
	if !ok {
		return Found{}, false
	}
	index := int32(0)
	if i := slice(b, data-12, 4); len(i) == 4 {
		index = int32(binary.BigEndian.Uint32(i))
	}
	return baculaRecord(format, index, slice(b, data, len(b))), true
}

// baculaRecord reads the data of the first record: the program's id, a version, times, then texts of
// which the volume name is the first and the pool name the third, each with a NUL behind it.
func baculaRecord(format string, index int32, data []byte) Found {
	id, rest, ok := bytes.Cut(data, []byte{0})
	kind := Bacula
	if bytes.HasPrefix(id, []byte("Bareos")) {
		kind = Bareos
	}
	if !ok || !isBaculaID(id) || len(rest) < 4+baculaTimes {
		return found(kind, "", "a block of format "+format+" that is not a label")
	}
	texts := bytes.SplitN(rest[4+baculaTimes:], []byte{0}, 4)
	if len(texts) < 4 {
		return found(kind, "", "label cut short, format "+format)
	}
	detail := fmt.Sprintf("pool %s, format %s", clean(string(texts[2])), format)
	if index == preLabel {
		detail += ", labelled and never written"
	}
	return found(kind, string(texts[0]), detail)
}

func isBaculaID(id []byte) bool {
	s := string(id)
	return strings.HasPrefix(s, "Bacula ") || strings.HasPrefix(s, "Bareos ")
}
