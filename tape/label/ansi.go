package label

import "strings"

// ansiVolume knows volumes that begin with VOL1 in ASCII (ECMA-13, ANSI X3.27, ISO 1001): 80 bytes,
// volume 4-9, accessibility 10, implementation 24-36, owner 37-50, label standard version 79.
func ansiVolume(h head) (Found, bool) {
	vol1 := h.block(0)
	if !hasAt(vol1, 0, "VOL1") {
		return Found{}, false
	}
	volume := cString(slice(vol1, 4, 6))
	owner := clean(string(slice(vol1, 37, 14)))
	switch {
	case hasAt(vol1, 24, "LTFS"):
		return found(LTFS, volume, ""), true
	case owner == "CTA":
		return found(CTA, volume, ctaDetail(h)), true
	case hasAt(vol1, 112, netBackupMark):
		return found(NetBackup, volume, ""), true
	}
	if k, ok := baculaFile(hdr1File(h, "HDR1", asciiText)); ok {
		return found(k, volume, "ANSI labels"), true
	}
	return found(ANSI, volume, ansiDetail(h, owner)), true
}

// netBackupMark is at 112 of NetBackup's media header of 1024 bytes, which begins like a VOL1 label.
const netBackupMark = "ThIs Is A BP tApE hEaDer"

func ctaDetail(h head) string {
	if hdr1File(h, "HDR1", asciiText) == "PRELABEL" {
		return "labelled, no files"
	}
	return ""
}

func ansiDetail(h head, owner string) string {
	var parts []string
	if owner != "" {
		parts = append(parts, "owner "+owner)
	}
	if file := clean(hdr1File(h, "HDR1", asciiText)); file != "" {
		parts = append(parts, "first file "+file)
	}
	return strings.Join(parts, ", ")
}

func asciiText(b []byte) string { return string(b) }

// hdr1File gives the file identifier (17 characters at 4) of the label that begins with mark.
func hdr1File(h head, mark string, decode func([]byte) string) string {
	b := labelBlock(h, mark, decode)
	return strings.TrimRight(decode(slice(b, 4, 17)), " \x00")
}

// labelBlock finds the label that begins with mark behind the volume label. ANSI labels are blocks of
// 80 bytes; the order HDR1, HDR2, UHL1 is fixed but HDR2 may be missing.
func labelBlock(h head, mark string, decode func([]byte) string) []byte {
	for _, b := range h.blocks[1:] {
		if decode(slice(b, 0, len(mark))) == mark {
			return b
		}
	}
	return nil
}

// baculaFile tells Bacula's and Bareos's standard labels from others by the name of their only file.
func baculaFile(file string) (Kind, bool) {
	switch file {
	case "BACULA.DATA":
		return Bacula, true
	case "BAREOS.DATA":
		return Bareos, true
	}
	return "", false
}

// ibmVolume knows volumes that begin with VOL1 in EBCDIC (IBM standard labels).
func ibmVolume(h head) (Found, bool) {
	vol1 := h.block(0)
	if !hasAt(vol1, 0, "\xE5\xD6\xD3\xF1") {
		return Found{}, false
	}
	volume := ebcdic(slice(vol1, 4, 6))
	file := hdr1File(h, "HDR1", ebcdic)
	if k, ok := baculaFile(file); ok {
		return found(k, volume, "IBM labels"), true
	}
	if long := volume == "*UHL1*"; long || strings.HasPrefix(file, "ADSM.") {
		return found(TSM, tsmName(h, volume), fileDetail(file)), true
	}
	return found(IBM, volume, fileDetail(file)), true
}

func fileDetail(file string) string {
	if file = clean(file); file != "" {
		return "first file " + file
	}
	return ""
}

// tsmName: TSM puts a name of more than six characters into a user header label, NUL or space behind
// it, and says so with *UHL1* in the volume label.
func tsmName(h head, volume string) string {
	if volume != "*UHL1*" {
		return volume
	}
	name := ebcdic(slice(labelBlock(h, "UHL1", ebcdic), 4, 76))
	name, _, _ = strings.Cut(name, "\x00")
	return name
}
