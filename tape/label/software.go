package label

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
)

// amandaVolume: a line `AMANDA: TAPESTART DATE <stamp> TAPE <name>`, in the time before that name
// `NETDUMP: …`. Other lines of these (FILE, TAPEEND) at the beginning come from an overwritten label.
func amandaVolume(h head) (Found, bool) {
	b := h.block(0)
	if !hasAt(b, 0, "AMANDA: ") && !hasAt(b, 0, "NETDUMP: ") {
		return Found{}, false
	}
	line, _, _ := strings.Cut(string(slice(b, 0, 4096)), "\n")
	w := strings.Fields(line)
	if len(w) < 6 || w[1] != "TAPESTART" || w[4] != "TAPE" {
		return found(Amanda, "", "not a tape label"), true
	}
	if w[3] == "X" {
		return found(Amanda, w[5], "labelled and never written"), true
	}
	return found(Amanda, w[5], "written "+w[3]), true
}

// The marks of Proxmox Backup Server: each block begins with a header of 16 bytes, the first of a
// file has a content header of 48 behind it, then JSON.
const (
	proxmoxBlock   = "\xDC\xBD\xAF\xCA\xEB\xA0\xA5\x28"
	proxmoxContent = "\x63\xEE\x14\x9F\xCD\xF2\x9B\x0C"
	proxmoxLabel   = "\x2A\x05\xBF\x3C\xB0\x30\xAA\x39"
)

func proxmoxVolume(h head) (Found, bool) {
	b := h.block(0)
	if !hasAt(b, 0, proxmoxBlock) {
		return Found{}, false
	}
	if !hasAt(b, 16, proxmoxContent) || !hasAt(b, 24, proxmoxLabel) {
		return found(Proxmox, "", "not a media label"), true
	}
	var l struct {
		Text string `json:"label_text"`
		Pool string `json:"pool"`
	}
	if size := slice(b, 56, 4); len(size) == 4 {
		n := min(int64(binary.LittleEndian.Uint32(size)), 64<<10)
		_ = json.Unmarshal(slice(b, 64, int(n)), &l) // a damaged text leaves the name unknown
	}
	if l.Pool != "" {
		return found(Proxmox, l.Text, "pool "+l.Pool), true
	}
	return found(Proxmox, l.Text, ""), true
}

// remanenceVolume: the bootstrap block of the tape, or the mark of an encrypted object.
func remanenceVolume(h head) (Found, bool) {
	switch b := h.block(0); {
	case hasAt(b, 0, "REM\x00BOO\x01"):
		return found(Remanence, "", ""), true
	case hasAt(b, 0, "REMO"):
		return found(Remanence, "", "an encrypted object, uncertain"), true
	}
	return Found{}, false
}

// tapectlVolume: plain text for people with TOML behind it, whose magic names the version.
func tapectlVolume(h head) (Found, bool) {
	const magic = `magic = "tapectl-volume-`
	b := h.block(0)
	at := bytes.Index(b, []byte(magic))
	if at < 0 {
		return Found{}, false
	}
	for line := range strings.Lines(string(slice(b, at, 4096))) {
		if rest, ok := strings.CutPrefix(line, `label = "`); ok {
			name, _, _ := strings.Cut(rest, `"`)
			return found(Tapectl, name, ""), true
		}
	}
	return found(Tapectl, "", ""), true
}

// mtfVolume: a TAPE descriptor block (MTF 1.00a): string type at 48 (1 ANSI, 2 Unicode), checksum of
// the header at 50, then size and offset of the media name at 68 and of the software's name at 80,
// all little-endian. Without a right checksum the four letters are all there is to go by.
func mtfVolume(h head) (Found, bool) {
	b := h.block(0)
	if !hasAt(b, 0, "TAPE") {
		return Found{}, false
	}
	if len(b) < 94 || !mtfChecksum(b) {
		return found(MTF, "", "wrong checksum, uncertain"), true
	}
	detail := mtfText(b, 80)
	if detail != "" {
		detail = "written by " + detail
	}
	return found(MTF, mtfText(b, 68), detail), true
}

// mtfChecksum: the 16-bit words of the common header, the checksum among them, XOR to zero.
func mtfChecksum(b []byte) bool {
	x := uint16(0)
	for i := 0; i < 52; i += 2 {
		x ^= binary.LittleEndian.Uint16(b[i:])
	}
	return x == 0
}

func mtfText(b []byte, at int) string {
	size := int(binary.LittleEndian.Uint16(b[at:]))
	text := slice(b, int(binary.LittleEndian.Uint16(b[at+2:])), size)
	if b[48] == 2 {
		return clean(utf16LE(text))
	}
	return clean(string(text))
}

func arcserveVolume(h head) (Found, bool) {
	b := h.block(0)
	if hasAt(b, 0, "\xDD\xDD\xDD\xDD") && hasAt(b, 512, "\xBA\xAB\xBA\xAB") {
		return found(ARCserve, "", "uncertain"), true
	}
	return Found{}, false
}

// novastorVolume: HDR1 or EOV1 at 16, the description of the backup at 20, the mark twice at 56, the
// volume's name in 36 bytes at 80.
func novastorVolume(h head) (Found, bool) {
	b := h.block(0)
	if !hasAt(b, 56, "<<NoVaStOr>>") {
		return Found{}, false
	}
	detail := clean(cString(slice(b, 20, 36)))
	return found(NovaStor, cString(slice(b, 80, 36)), detail), true
}

func rearVolume(h head) (Found, bool) {
	if hasAt(h.block(0), 0, "REAR-000") {
		return found(ReaR, "", "OBDR label"), true
	}
	return Found{}, false
}

// kdatVolume: the mark, a version and the length of the tape's id in the byte order of the host that
// wrote it (i386), then the id.
func kdatVolume(h head) (Found, bool) {
	b := h.block(0)
	if !hasAt(b, 0, "KDatMAGIC") {
		return Found{}, false
	}
	size := slice(b, 13, 4)
	if len(size) < 4 || binary.LittleEndian.Uint32(size) > 1024 {
		return found(KDat, "", ""), true
	}
	id := slice(b, 17, int(binary.LittleEndian.Uint32(size)))
	return found(KDat, cString(id), ""), true
}

func as400File(h head) (Found, bool) {
	if hasAt(h.block(0), 0, "\xFF\xFF\xFF\xFF\xD8\xE2\xD9\xC4") {
		return found(AS400, "", "uncertain"), true
	}
	return Found{}, false
}

func qicVolume(h head) (Found, bool) {
	if hasAt(h.block(0), 0, "VTBL") {
		return found(QIC, "", "volume table, uncertain"), true
	}
	return Found{}, false
}

func colorado(h head) (Found, bool) {
	if hasAt(h.block(0), 0, "\x55\xAA\x55\xAA") {
		return found(Colorado, "", "uncertain"), true
	}
	return Found{}, false
}

// networkerVolume has only a text to go by, so it comes last and looks at the beginning alone.
func networkerVolume(h head) (Found, bool) {
	b := bytes.ToLower(slice(h.block(0), 0, 1024))
	for _, mark := range []string{"networker", "volume label"} {
		if bytes.Contains(b, []byte(mark)) {
			return found(NetWorker, "", fmt.Sprintf("the text %q, uncertain", mark)), true
		}
	}
	return Found{}, false
}
