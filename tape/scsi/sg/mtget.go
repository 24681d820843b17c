package sg

import (
	"errors"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MTGet is what the st driver tells of a drive: struct mtget of linux/mtio.h, of which 32 bits count.
type MTGet struct {
	Type, Residual, Registers, General, Errors uint32
	File, Block                                int32
}

// mtget is that struct; its first five fields are longs.
type mtget struct {
	kind, residual, registers, general, errors int
	file, block                                int32
}

// mtiocget is MTIOCGET, _IOR('m', 2, struct mtget).
const mtiocget = 2<<30 | unsafe.Sizeof(mtget{})<<16 | 'm'<<8 | 2

// TapeStatus asks the st driver of a drive, as mt does: it opens /dev/nstN, which fails with
// errcode.DeviceBusy while another program has it, and does not wait for a cartridge.
func TapeStatus(n Node) (g MTGet, err error) {
	hold, err := OpenHold(n)
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, hold.Close()) }()
	var raw mtget
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(hold.fd), mtiocget, uintptr(unsafe.Pointer(&raw))); errno != 0 {
		return g, &fs.PathError{Op: "MTIOCGET", Path: n.NoRewind, Err: errno}
	}
	return MTGet{uint32(raw.kind), uint32(raw.residual), uint32(raw.registers), uint32(raw.general),
		uint32(raw.errors), raw.file, raw.block}, nil
}
