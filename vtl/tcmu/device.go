package tcmu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"calypso/tape/scsi"
)

// Device is one backstore's shared memory, opened. It answers the kernel's commands with a device server.
type Device struct {
	name   string
	events events
	memory []byte
	ring   *ring
	buffer []byte // for data that lies in pieces
	report func(error)

	commands, read, written atomic.Int64
	busy                    atomic.Int64 // when the command began that is being carried out, Unix ns; 0: none
	turned                  atomic.Int64 // when Serve last looked for commands or began one, Unix ns; 0: it has not begun
}

// open maps the shared memory of /dev/uioN.
func open(path string, size int) (*Device, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	memory, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("map %s: %w", path, err), unix.Close(fd))
	}
	d := &Device{name: path, memory: memory, events: events{kernel: fd}}
	if d.ring, err = newRing(d.memory); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), d.Close())
	}
	return d, nil
}

// Close gives the shared memory back. Serve must have ended.
func (d *Device) Close() error {
	err := unix.Munmap(d.memory)
	d.memory, d.ring = nil, nil
	return errors.Join(err, unix.Close(d.events.kernel))
}

// Counters are what went through a device since it was opened: commands, and bytes as hosts see them.
type Counters struct {
	Commands, ReadBytes, WrittenBytes int64
	BusySince                         time.Time // when the command began that is being carried out; zero: none
	Queued                            int       // commands that wait for an answer, that one among them
	// Turned is when the device last looked for commands or began one. It looks every second at the least, so
	// that an old time tells of a command without end, or of a device that hangs. Zero: it has not begun.
	Turned time.Time
}

// Counters may be called while the device serves.
func (d *Device) Counters() Counters {
	c := Counters{Commands: d.commands.Load(), ReadBytes: d.read.Load(), WrittenBytes: d.written.Load(), Queued: d.ring.waiting()}
	if began := d.busy.Load(); began != 0 {
		c.BusySince = time.Unix(0, began)
	}
	if turned := d.turned.Load(); turned != 0 {
		c.Turned = time.Unix(0, turned)
	}
	return c
}

// readAhead is what a device server may have: something to do while a host makes its next command out of the last
// answer.
type readAhead interface{ ReadAhead() }

// Serve answers commands with t until ctx is done; a command that has begun is answered. The error is
// that of the shared memory: the device cannot be served any more.
func (d *Device) Serve(ctx context.Context, t scsi.Transport) error {
	// A thread of its own waits in the kernel. Go's poller would wake another thread for each command, even
	// for those that come while this one is at work.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stop, err := d.events.stopWith(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for {
		d.turned.Store(time.Now().UnixNano())
		if err := d.drain(t); err != nil {
			return err
		}
		if more, err := d.events.wait(); err != nil || !more {
			return err
		}
	}
}

// abandon answers the commands of a device whose server was killed, until ctx is done, with an error. It may have been
// killed as it wrote an answer, so that what is left of the request leads anywhere, and before it told the kernel of
// one, which nobody else would do.
func (d *Device) abandon(ctx context.Context) error {
	d.ring.blind = true
	if err := d.events.kick(); err != nil {
		return err
	}
	return d.Serve(ctx, gone{})
}

// drain answers all commands that wait. Each answer is reported at once: a host that waits for one sends
// its next command when it has it.
func (d *Device) drain(t scsi.Transport) error {
	for {
		q, err := d.ring.next()
		if err != nil || q == nil {
			return err
		}
		d.carryOut(t, q)
		if err := d.events.kick(); err != nil {
			return err
		}
		if a, ok := t.(readAhead); ok && d.ring.empty() {
			a.ReadAhead()
		}
	}
}

// carryOut executes a command and answers it.
func (d *Device) carryOut(t scsi.Transport, q *request) {
	d.commands.Add(1)
	began := time.Now().UnixNano()
	d.turned.Store(began)
	d.busy.Store(began)
	defer d.busy.Store(0)
	if q.bidirectional {
		d.ring.answer(q, checkCondition, invalidField(), -1)
		return
	}
	cmd := scsi.Command{CDB: append([]byte(nil), q.cdb...)}
	data := d.data(q)
	out := takesData(cmd.CDB[0])
	if out {
		cmd.DataOut = gather(data, q)
	} else {
		cmd.DataIn = data
	}
	// The kernel waits for an answer, whatever becomes of this process's own wishes.
	err := t.Exec(context.Background(), &cmd)
	status, sense := outcome(err)
	if d.report != nil && isFailure(err) {
		d.report(err)
	}
	if out {
		d.written.Add(int64(cmd.Transferred))
		d.ring.answer(q, status, sense, -1)
		return
	}
	d.read.Add(int64(cmd.Transferred))
	scatter(data[:cmd.Transferred], q)
	d.ring.answer(q, status, sense, cmd.Transferred)
}

// data is one slice for the data of a command: the shared memory itself when it lies in one piece.
func (d *Device) data(q *request) []byte {
	switch len(q.vectors) {
	case 0:
		return nil
	case 1:
		return q.vectors[0]
	}
	n := q.dataLength()
	if cap(d.buffer) < n {
		d.buffer = make([]byte, n)
	}
	return d.buffer[:n]
}

// gather fills data from the pieces, when there are several.
func gather(data []byte, q *request) []byte {
	if len(q.vectors) > 1 {
		at := 0
		for _, v := range q.vectors {
			at += copy(data[at:], v)
		}
	}
	return data
}

// scatter puts data into the pieces, when there are several.
func scatter(data []byte, q *request) {
	if len(q.vectors) < 2 {
		return
	}
	for _, v := range q.vectors {
		data = data[copy(v, data):]
	}
}

const checkCondition = 0x02

// outcome is the status and the sense data of what a device server returned. An error that is none of
// SCSI's is the host's fault: aborted, and the reason is in the log of who serves.
func outcome(err error) (status byte, sense []byte) {
	var check *scsi.SenseError
	var other *scsi.StatusError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &check):
		return checkCondition, check.Sense.Raw
	case errors.As(err, &other):
		return other.Status, nil
	}
	return checkCondition, fixedSense(0x0B, 0x44, 0x00) // ABORTED COMMAND, INTERNAL TARGET FAILURE
}

// isFailure says whether an error is a failure of this side, not an answer that a host provoked.
func isFailure(err error) bool {
	var check *scsi.SenseError
	var other *scsi.StatusError
	switch {
	case err == nil, errors.As(err, &other):
		return false
	case errors.As(err, &check):
		k := check.Sense.Key
		return k == scsi.MediumError || k == scsi.HardwareError || k == scsi.AbortedCommand
	}
	return true
}

// invalidField is ILLEGAL REQUEST, INVALID FIELD IN CDB.
func invalidField() []byte { return fixedSense(0x05, 0x24, 0x00) }

func fixedSense(key, asc, ascq byte) []byte {
	return []byte{0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0}
}

// takesData says whether data goes to the device: the kernel does not pass the direction on.
func takesData(opcode byte) bool {
	switch opcode {
	case 0x04, // FORMAT MEDIUM
		0x0A, // WRITE(6)
		0x13, // VERIFY(6)
		0x15, // MODE SELECT(6)
		0x1D, // SEND DIAGNOSTIC
		0x3B, // WRITE BUFFER
		0x4C, // LOG SELECT
		0x55, // MODE SELECT(10)
		0x5F, // PERSISTENT RESERVE OUT
		0x8A, // WRITE(16)
		0x8D, // WRITE ATTRIBUTE
		0xA4, // MAINTENANCE OUT
		0xB5: // SECURITY PROTOCOL OUT
		return true
	}
	return false
}

// find looks for the UIO device of a backstore: its name is tcm-user/HBA/NAME/CONFIG.
func find(sysfs, backstore, config string) (node string, size int, err error) {
	entries, err := os.ReadDir(filepath.Join(sysfs, "class/uio"))
	if err != nil {
		return "", 0, err
	}
	for _, e := range entries {
		dir := filepath.Join(sysfs, "class/uio", e.Name())
		name, err := os.ReadFile(filepath.Join(dir, "name"))
		if err != nil {
			continue
		}
		parts := strings.SplitN(strings.TrimSpace(string(name)), "/", 4)
		if len(parts) == 4 && parts[0] == "tcm-user" && parts[2] == backstore && parts[3] == config {
			size, err := mapSize(dir)
			return "/dev/" + e.Name(), size, err
		}
	}
	return "", 0, fmt.Errorf("no UIO device for backstore %s: %w", backstore, os.ErrNotExist)
}

func mapSize(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "maps/map0/size"))
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 0, 64)
	return int(n), err
}
