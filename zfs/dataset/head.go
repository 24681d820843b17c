package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"calypso/sys/errcode"
)

// Head is the first record of a stream, a dmu_replay_record of type DRR_BEGIN (OpenZFS, zfs_ioctl.h).
type Head struct {
	Snapshot string // with the dataset it was sent from: "tank/a@x"
	GUID     string // of that snapshot; "" of a package
	FromGUID string // of the snapshot that the receiver must have; "" for a full stream
	Package  bool   // several streams: what -R and -I make
	Volume   bool   // of a volume; a package does not tell
	Clone    bool   // it begins a dataset of its own from a snapshot that the receiver must have
	Resuming bool   // the rest of a stream of which a receiver kept a part; of no use to any other
}

const (
	headSize  = 312         // bytes of a record
	headMagic = 0x2f5bacbac // DMU_BACKUP_MAGIC
	nameSize  = 256         // bytes of drr_toname, with a final zero
	compound  = 2           // DMU_COMPOUNDSTREAM; DMU_SUBSTREAM is 1
	resuming  = 1 << 20     // DMU_BACKUP_FEATURE_RESUMING; the features stand above the two bits of the kind
	osTypeVol = 3           // DMU_OST_ZVOL
	flagClone = 1           // DRR_FLAG_CLONE
)

// readHead reads the first record and gives a reader of the whole stream.
func readHead(r io.Reader) (Head, io.Reader, error) {
	buf := make([]byte, headSize)
	n, err := io.ReadFull(r, buf)
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return Head{}, nil, errcode.New(errcode.StreamDamaged, "", "the stream is empty").
			WithState("nothing was received").WithHint("look at why its sender sent nothing")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Head{}, nil, errcode.New(errcode.StreamDamaged, "", "the stream ends after %d bytes", n).WithState("nothing was received")
	case err != nil:
		return Head{}, nil, err
	}
	h, err := parseHead(buf)
	return h, io.MultiReader(bytes.NewReader(buf), r), err
}

// parseHead decodes a record in either byte order: the stream has that of the host which sent it.
func parseHead(buf []byte) (Head, error) {
	var order binary.ByteOrder = binary.LittleEndian
	if binary.BigEndian.Uint64(buf[8:]) == headMagic {
		order = binary.BigEndian
	}
	if order.Uint64(buf[8:]) != headMagic || order.Uint32(buf) != 0 {
		return Head{}, errcode.New(errcode.StreamDamaged, "", "this is no stream of 'zfs send': it begins with %q", buf[:16]).WithState("nothing was received")
	}
	name, _, terminated := strings.Cut(string(buf[56:56+nameSize]), "\x00")
	if !terminated || name == "" {
		return Head{}, errcode.New(errcode.StreamDamaged, "", "the stream names no snapshot").WithState("nothing was received")
	}
	version := order.Uint64(buf[16:])
	h := Head{Snapshot: name, GUID: guid(order.Uint64(buf[40:])), FromGUID: guid(order.Uint64(buf[48:])), Package: version&3 == compound,
		Resuming: version>>2&resuming != 0, Volume: order.Uint32(buf[32:]) == osTypeVol, Clone: order.Uint32(buf[36:])&flagClone != 0}
	return h, nil
}

// guid is "" for none.
func guid(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

// Short is the name of the snapshot without its dataset.
func (h Head) Short() string { return h.Snapshot[strings.LastIndexByte(h.Snapshot, '@')+1:] }

func (h Head) String() string {
	kind := "a full stream"
	switch {
	case h.Resuming:
		kind = "the rest of a stream"
	case h.Package:
		kind = "a package of streams"
	case h.FromGUID != "":
		kind = "an incremental stream"
	}
	return fmt.Sprintf("%s of %s", kind, h.Snapshot)
}
