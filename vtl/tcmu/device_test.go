package tcmu

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"calypso/tape/scsi"
)

// fakeDevice is a device whose kernel is the test: events go both ways through a socket.
func fakeDevice(t *testing.T) (*Device, *memory, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory(testRingSize)
	d := &Device{name: "fake", events: events{kernel: fds[0]}, memory: m.bytes, ring: mustRing(t, m)}
	kernel := os.NewFile(uintptr(fds[1]), "kernel")
	t.Cleanup(func() { _, _ = unix.Close(fds[0]), kernel.Close() })
	return d, m, kernel
}

type transport func(cmd *scsi.Command) error

func (f transport) Exec(_ context.Context, cmd *scsi.Command) error { return f(cmd) }

// served carries out the commands in the ring, one answer after the other.
func served(t *testing.T, d *Device, kernel *os.File, answers int, f transport) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Serve(ctx, f) }()
	for range answers {
		if _, err := kernel.Read(make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestDeviceWrites(t *testing.T) {
	d, m, kernel := fakeDevice(t)
	copy(m.bytes[testData:], "0123456789")
	m.command(1, []byte{0x0A, 0, 0, 0, 10, 0}, 4, 6)
	m.data = testData
	m.command(2, []byte{0x0A, 0, 0, 0, 10, 0}, 10)
	var got []string
	served(t, d, kernel, 2, func(cmd *scsi.Command) error {
		got = append(got, string(cmd.DataOut))
		cmd.Transferred = len(cmd.DataOut)
		return nil
	})
	if len(got) != 2 || got[0] != "0123456789" || got[1] != "0123456789" {
		t.Errorf("the device server got %q", got)
	}
	if c := d.Counters(); c.Commands != 2 || c.WrittenBytes != 20 || c.ReadBytes != 0 || !c.BusySince.IsZero() {
		t.Errorf("Counters() = %+v", c)
	}
}

func TestDeviceReads(t *testing.T) {
	d, m, kernel := fakeDevice(t)
	entry := m.command(1, []byte{0x08, 0, 0, 0, 10, 0}, 4, 6)
	served(t, d, kernel, 1, func(cmd *scsi.Command) error {
		cmd.Transferred = copy(cmd.DataIn, "abcdefg")
		return &scsi.SenseError{Sense: scsi.Sense{Raw: fixedSense(0, 0, 1)}} // a filemark
	})
	if got := string(m.bytes[testData : testData+7]); got != "abcdefg" {
		t.Errorf("the host gets %q", got)
	}
	if entry[8] != 2 || entry[16+13] != 1 || entry[12] != 7 && entry[15] != 7 {
		t.Errorf("the answer is % x", entry[:40])
	}
}

// A command that comes while the device waits wakes it.
func TestDeviceWakes(t *testing.T) {
	d, m, kernel := fakeDevice(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- d.Serve(ctx, transport(func(*scsi.Command) error { return nil }))
	}()
	for n := range 100 {
		m.room(commandSize(0))
		m.command(uint16(n), make([]byte, 6))
		for _, step := range []func([]byte) (int, error){kernel.Write, kernel.Read} { // the event, the answer
			if _, err := step(make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cancel()
	if err := <-ended; err != nil || d.Counters().Commands != 100 {
		t.Errorf("Serve = %v after %d commands; want none after 100", err, d.Counters().Commands)
	}
}

// A device that waits for commands looks for them again and again; one that has one in hand does not.
func TestDeviceTurns(t *testing.T) {
	d, m, kernel := fakeDevice(t)
	if c := d.Counters(); !c.Turned.IsZero() {
		t.Errorf("before it began: turned at %s", c.Turned)
	}
	ctx, cancel := context.WithCancel(context.Background())
	begun, goOn, ended := make(chan bool), make(chan bool), make(chan error, 1)
	go func() {
		ended <- d.Serve(ctx, transport(func(*scsi.Command) error { begun <- true; <-goOn; return nil }))
	}()
	turns := func() {
		for first := d.Counters().Turned; !d.Counters().Turned.After(first); {
			time.Sleep(time.Millisecond)
		}
	}
	turns()
	m.command(1, make([]byte, 6))
	if _, err := kernel.Write(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	<-begun
	if c := d.Counters(); c.BusySince.IsZero() || !c.Turned.Equal(c.BusySince) {
		t.Errorf("in a command: turned at %s, busy since %s; want the same", c.Turned, c.BusySince)
	}
	goOn <- true
	turns()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

type aheadTransport struct {
	transport
	ahead func()
}

func (a aheadTransport) ReadAhead() { a.ahead() }

// Between commands a device server may read ahead: after the answer, and only while none waits.
func TestDeviceReadsAhead(t *testing.T) {
	d, m, kernel := fakeDevice(t)
	m.command(1, make([]byte, 6))
	m.command(2, make([]byte, 6))
	did, ahead := 0, make(chan int, 3)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- d.Serve(ctx, aheadTransport{func(*scsi.Command) error { did++; return nil }, func() { ahead <- did }})
	}()
	for range 2 {
		if _, err := kernel.Read(make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
	}
	if n := <-ahead; n != 2 {
		t.Errorf("read ahead after %d commands; want 2", n)
	}
	cancel()
	if err := <-ended; err != nil || len(ahead) > 0 {
		t.Errorf("Serve = %v, read ahead %d times more", err, len(ahead))
	}
}

// Two ways at once is refused; what is no error of SCSI aborts the command and is reported.
func TestDeviceFails(t *testing.T) {
	d, m, kernel := fakeDevice(t)
	var reported []error
	d.report = func(err error) { reported = append(reported, err) }
	both := m.command(1, []byte{0x08, 0, 0, 0, 10, 0}, 4)
	both[12] = 1 // iov_bidi_cnt
	lost := m.command(2, []byte{0x08, 0, 0, 0, 10, 0}, 4)
	reserved := m.command(3, []byte{0x08, 0, 0, 0, 10, 0}, 4)
	n := 0
	served(t, d, kernel, 3, func(*scsi.Command) error {
		if n++; n == 1 {
			return errors.New("the disk is gone")
		}
		return &scsi.StatusError{Status: 0x18}
	})
	if both[8] != 2 || both[16+2] != 5 {
		t.Errorf("two ways: % x; want ILLEGAL REQUEST", both[:40])
	}
	if lost[8] != 2 || lost[16+2] != 0x0B {
		t.Errorf("a lost disk: % x; want ABORTED COMMAND", lost[:40])
	}
	if reserved[8] != 0x18 {
		t.Errorf("a reservation: % x; want its status", reserved[:40])
	}
	if len(reported) != 1 || reported[0].Error() != "the disk is gone" {
		t.Errorf("reported %v; want the disk alone", reported)
	}
}

// A server can be killed as it writes an answer, and between that and telling the kernel: who ends what it left
// answers the one, and tells of the other.
func TestDeviceAbandoned(t *testing.T) {
	d, m, kernel := fakeDevice(t)
	m.command(1, make([]byte, 6), 4)
	d.ring.answer(mustNext(t, d.ring), 2, fixedSense(3, 0x11, 0), 4)
	half := m.command(2, []byte{0x08, 0, 0, 0, 10, 0}, 4, 6)
	clear(half[8:112])
	half[8], half[16], half[16+2], half[16+12], half[12] = 2, 0x70, 3, 0x11, 9 // CHECK CONDITION, 3/11/00, read length
	whole := m.command(3, []byte{0x08, 0, 0, 0, 10, 0}, 4, 6)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.abandon(ctx) }()
	for range 3 {
		if _, err := kernel.Read(make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("abandon: %v", err)
	}
	for _, answer := range [][]byte{half, whole} {
		if answer[8] != 2 || answer[16+2] != 0x0B {
			t.Errorf("answered % x; want ABORTED COMMAND", answer[:40])
		}
	}
}

// A ring that makes no sense ends the service with an error.
func TestDeviceBrokenRing(t *testing.T) {
	d, m, _ := fakeDevice(t)
	m.header(16, 1)
	if err := d.Serve(context.Background(), gone{}); !errors.Is(err, errRing) {
		t.Errorf("Serve = %v; want errRing", err)
	}
}
