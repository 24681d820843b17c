package label

import (
	"bytes"
	"fmt"
)

// MaxBlocks is how many blocks of a tape's head are looked at.
const MaxBlocks = 5

// Stop says why the reading of a tape's head ended. The zero value says nothing, and a head that
// ends so is never blank.
type Stop uint8

// The reasons.
const (
	StopUnsaid     Stop = iota
	StopMore            // MaxBlocks blocks were read and there is more
	StopFilemark        // a filemark after data
	StopEndOfData       // BLANK CHECK: nothing was ever written behind
	StopEncrypted       // DATA PROTECT, security: the drive has no key
	StopUnreadable      // MEDIUM ERROR
)

// head is the first file of a tape that holds data.
type head struct {
	filemarks int      // before its first block
	blocks    [][]byte // at least one, each at least one byte
}

// block gives the n-th block, nil when the head has none.
func (h head) block(n int) []byte {
	if n >= len(h.blocks) {
		return nil
	}
	return h.blocks[n]
}

// recognisers in the order of their tests: labels that stand in a standard one come before it, and
// long marks before short ones. Each looks at the first block, some at the ones behind it.
var recognisers = []func(head) (Found, bool){
	ansiVolume,
	ibmVolume,
	baculaVolume,
	amandaVolume,
	proxmoxVolume,
	remanenceVolume,
	tapectlVolume,
	tarLabel,
	tarArchive,
	cpioArchive,
	dumpArchive,
	mtfVolume,
	arcserveVolume,
	novastorVolume,
	rearVolume,
	kdatVolume,
	as400File,
	qicVolume,
	colorado,
	networkerVolume,
}

// Recognise tells what a tape holds from its first blocks. blocks are whole blocks in the order of
// the tape, a nil (or empty) element being a filemark; stop is why there are no more of them. Blocks
// behind the filemark that follows the first data are not looked at. It is a pure function, and fails
// closed: only a head without data that ends with StopEndOfData is Blank.
func Recognise(blocks [][]byte, stop Stop) Found {
	h := firstFile(blocks)
	if len(h.blocks) == 0 {
		return withoutData(h.filemarks, stop)
	}
	f := fromBlocks(h)
	if h.filemarks > 0 {
		f = behindFilemarks(f, h.filemarks)
	}
	return f
}

func firstFile(blocks [][]byte) head {
	var h head
	for _, b := range blocks {
		if len(b) > 0 {
			h.blocks = append(h.blocks, b)
		} else if len(h.blocks) > 0 {
			break
		} else {
			h.filemarks++
		}
	}
	return h
}

// withoutData: a tape of nothing but filemarks (what `mt weof` leaves, the usual way to give a tape
// free) holds nobody's data, if the drive says that it ends there.
func withoutData(filemarks int, stop Stop) Found {
	detail := ""
	if filemarks > 0 {
		detail = fmt.Sprintf("%d filemarks and no data", filemarks)
	}
	switch stop {
	case StopEndOfData:
		return found(Blank, "", detail)
	case StopEncrypted:
		return found(Encrypted, "", detail)
	case StopUnreadable:
		return found(Unreadable, "", detail)
	}
	return found(Unknown, "", detail)
}

func fromBlocks(h head) Found {
	for _, r := range recognisers {
		if f, ok := r(h); ok {
			return f
		}
	}
	detail := fmt.Sprintf("first block of %d bytes", len(h.blocks[0]))
	if len(bytes.Trim(h.blocks[0], "\x00")) == 0 {
		detail += ", all zero"
	}
	return found(Unknown, "", detail)
}

// behindFilemarks: a label is one only at the very beginning. Calypso never writes a filemark there,
// so what looks like its label is a copy inside something else.
func behindFilemarks(f Found, n int) Found {
	detail := fmt.Sprintf("behind %d filemarks", n)
	if n == 1 {
		detail = "behind a filemark"
	}
	if f.Kind == Calypso {
		return found(Unknown, f.Volume, "a calypso label "+detail)
	}
	if f.Detail != "" {
		detail = f.Detail + ", " + detail
	}
	f.Detail = clean(detail)
	return f
}
