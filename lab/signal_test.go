//go:build lab

package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"calypso/tape/scsi"
	"calypso/tape/scsi/sg"
)

// While one slow command runs, a thousand signals hit every thread of the process. The device counts the
// commands that it gets: one. With SG_IO in place of write, poll and read it gets many.
func TestSignalsSendNothingTwice(t *testing.T) {
	run(t, "modprobe", "scsi_debug", "delay=500", "no_uld=1", "submit_queues=1")
	t.Cleanup(func() { run(t, "modprobe", "-r", "scsi_debug") })
	var node string
	eventually(t, "the node of scsi_debug", func() bool {
		found, _ := filepath.Glob("/sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/scsi_generic/sg*")
		if len(found) == 1 {
			node = "/dev/" + filepath.Base(found[0])
			_, err := os.Stat(node)
			return err == nil
		}
		return false
	})
	d, err := sg.Open(node)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx := context.Background()
	for range 4 { // unit attentions of the start
		_ = d.Exec(ctx, &scsi.Command{CDB: make([]byte, 6)})
	}
	before := commands(t, node)
	done := make(chan error)
	go func() {
		done <- d.Exec(ctx, &scsi.Command{CDB: []byte{0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, DataIn: make([]byte, 512)})
	}()
	sent := 0
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("READ(10) under signals: %v", err)
			}
			running = false
		default:
			sent += signalAll(t)
			time.Sleep(time.Millisecond)
		}
	}
	if sent < 1000 {
		t.Errorf("%d signals were sent while the command ran; want 1000 at least", sent)
	}
	if got := commands(t, node) - before; got != 1 {
		t.Errorf("the device got %d commands; want the one", got)
	}
	fmt.Printf("figure: %d signals during one command, which the device got once\n", sent)
}

// commands is how many commands the middle layer has sent to the device.
func commands(t *testing.T, node string) int64 {
	t.Helper()
	text := read(t, "/sys/class/scsi_generic/"+filepath.Base(node)+"/device/iorequest_cnt")
	n, err := strconv.ParseInt(strings.TrimSpace(text), 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// signalAll sends one signal to each thread of this process and gives their number.
func signalAll(t *testing.T) int {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range threads {
		if id, err := strconv.Atoi(e.Name()); err == nil {
			_ = unix.Tgkill(os.Getpid(), id, unix.SIGURG)
		}
	}
	return len(threads)
}
