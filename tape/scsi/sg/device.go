package sg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Device is an open /dev/sgN: a scsi.Transport. Its methods are safe for concurrent use; commands go
// one after the other.
type Device struct {
	path        string
	maxTransfer int

	mu    sync.Mutex
	fd    int
	gone  error // why an answer was lost: the device must be opened anew; nil: none was
	head  *header
	cdb   *[16]byte
	sense *[senseBytes]byte
}

var _ scsi.Transport = (*Device)(nil)

const (
	getVersion = 0x2282 // SG_GET_VERSION_NUM
	sectorsGet = 0x1267 // BLKSECTGET, which the sg driver answers in bytes
	oldest     = 30000  // the first version with struct sg_io_hdr
)

// Open opens a SCSI generic node, e.g. /dev/sg3, for reading and writing. Errors: errcode.DeviceNotFound,
// PermissionDenied (naming the group that may), DeviceUnsupported for a file that is no such node.
func Open(path string) (*Device, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, openError(path, err)
	}
	d := &Device{path: path, fd: fd, head: new(header), cdb: new([16]byte), sense: new([senseBytes]byte)}
	if err := d.prepare(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// prepare checks that this is the driver, and learns how much a command may carry. Only the open must not
// block: with O_NONBLOCK left on, a command during error recovery would fail instead of waiting.
func (d *Device) prepare() error {
	version, err := unix.IoctlGetInt(d.fd, getVersion)
	if err != nil || version < oldest {
		return errcode.New(errcode.DeviceUnsupported, d.path, "not a node of the SCSI generic driver").
			WithHint("name the drive's /dev/sg node; 'calypso lto list-drives' shows it")
	}
	if d.maxTransfer, err = unix.IoctlGetInt(d.fd, sectorsGet); err != nil || d.maxTransfer <= 0 {
		d.maxTransfer = 128 << 10 // what every host adapter carries
	}
	if err := unix.SetNonblock(d.fd, false); err != nil {
		return fmt.Errorf("open %s: %w", d.path, err)
	}
	return nil
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return errcode.New(errcode.DeviceNotFound, path, "no such device: %w", err).
			WithHint("see 'calypso lto list-drives'; 'modprobe sg' if there is no /dev/sg node at all")
	case errors.Is(err, fs.ErrPermission):
		return errcode.New(errcode.PermissionDenied, path, "%w", err).WithHint("%s", mayOpen(path))
	case errors.Is(err, unix.EBUSY):
		return errcode.New(errcode.DeviceBusy, path, "another process has it open exclusively: %w", err)
	}
	return errcode.New(errcode.DeviceError, path, "open: %w", err)
}

// Close gives the device back.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd < 0 {
		return nil
	}
	err := unix.Close(d.fd)
	d.fd = -1
	return err
}

// MaxTransfer is the most bytes that the host adapter carries with one command.
func (d *Device) MaxTransfer() int { return d.maxTransfer }

// The driver's timeouts are in milliseconds and 32 bits.
const (
	defaultTimeout = 60 * time.Second
	longestTimeout = 1<<31 - 1
)

// Exec carries out one command; see scsi.Transport. Once the driver has taken the command, nothing but
// its answer ends the call. After an answer that was lost on the way through the driver every command ends in
// a *scsi.TransportError: the device must be opened again.
func (d *Device) Exec(ctx context.Context, cmd *scsi.Command) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	cmd.Transferred = 0
	if d.gone != nil {
		return &scsi.TransportError{CDB: bytes.Clone(cmd.CDB), Err: d.gone}
	}
	if d.fd < 0 {
		return fmt.Errorf("%s: %w", d.path, fs.ErrClosed)
	}
	if len(cmd.CDB) > len(d.cdb) {
		return errcode.New(errcode.Internal, d.path, "a CDB of %d bytes", len(cmd.CDB))
	}
	data := d.fill(cmd)
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(d.cdb)
	pin.Pin(d.sense)
	if len(data) > 0 {
		pin.Pin(&data[0])
		d.head.data = uintptr(unsafe.Pointer(&data[0]))
	}
	if err := d.submit(); err != nil {
		return d.notSent(cmd, err)
	}
	if err := d.fetch(); err != nil {
		return d.lost(cmd, err)
	}
	return d.answer(cmd)
}

// fill makes the header of a command and returns its data.
func (d *Device) fill(cmd *scsi.Command) []byte {
	data, direction := cmd.DataIn, int32(fromDevice)
	switch {
	case len(cmd.DataOut) > 0:
		data, direction = cmd.DataOut, toDevice
	case len(data) == 0:
		direction = noData
	}
	copy(d.cdb[:], cmd.CDB)
	*d.head = header{
		interfaceID: interfaceSCSI, direction: direction, cdbLength: uint8(len(cmd.CDB)),
		senseRoom: senseBytes, dataLength: uint32(len(data)), timeout: milliseconds(cmd.Timeout),
		cdb: uintptr(unsafe.Pointer(d.cdb)), sense: uintptr(unsafe.Pointer(d.sense)), packID: d.head.packID + 1,
	}
	return data
}

func milliseconds(t time.Duration) uint32 {
	if t <= 0 {
		t = defaultTimeout
	}
	return uint32(min(max(t.Milliseconds(), 1), longestTimeout))
}

// submit hands the command to the driver. It is not repeated but when the driver says that it took
// nothing.
func (d *Device) submit() error {
	for {
		_, err := unix.Write(d.fd, d.head.bytes())
		if err != unix.EINTR && err != unix.EAGAIN {
			return err
		}
	}
}

// fetch waits for the answer, however often it is interrupted.
func (d *Device) fetch() error {
	poll := []unix.PollFd{{Fd: int32(d.fd), Events: unix.POLLIN}}
	sent := d.head.packID
	for {
		if _, err := unix.Poll(poll, -1); err != nil && err != unix.EINTR {
			return fmt.Errorf("poll: %w", err)
		}
		n, err := unix.Read(d.fd, d.head.bytes())
		switch {
		case err == unix.EINTR, err == unix.EAGAIN:
		case errors.Is(err, unix.ENODEV):
			return fmt.Errorf("the device is gone: %w", err)
		case err != nil:
			return err
		case n != headerSize || d.head.packID != sent:
			return fmt.Errorf("%d bytes came, of command %d, not %d of command %d", n, d.head.packID, headerSize, sent)
		default:
			return nil
		}
	}
}

// notSent is the error of a command that the driver did not take: the state of the device is what it was, but
// for a device that is gone, whose state nobody knows any more.
func (d *Device) notSent(cmd *scsi.Command, err error) error {
	name := scsi.OpcodeName(cmd.CDB)
	switch {
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO): // taken away; taken offline by the kernel
		return d.lost(cmd, fmt.Errorf("%s is gone: %w", d.path, err))
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return errcode.New(errcode.PermissionDenied, d.path, "%s was not sent: %w", name, err)
	case errors.Is(err, unix.ENOMEM):
		return errcode.New(errcode.DeviceError, d.path, "%s was not sent: %d bytes are more than the host adapter or the memory of the system allow: %w",
			name, max(len(cmd.DataOut), len(cmd.DataIn)), err).WithHint("use a smaller block size")
	}
	return errcode.New(errcode.DeviceError, d.path, "%s was not sent: %w", name, err)
}

// lost is the error of a command of which nobody knows what became. The device is closed with it: an answer that
// comes late would be taken for that of the next command, and its data be written where memory has long been
// given to others. The driver drops it.
func (d *Device) lost(cmd *scsi.Command, err error) error {
	d.gone = err
	_ = unix.Close(d.fd)
	d.fd = -1
	return &scsi.TransportError{CDB: bytes.Clone(cmd.CDB), Err: err}
}
