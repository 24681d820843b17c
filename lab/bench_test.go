//go:build lab

package lab

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const benchMiB = 256

// rate times a shell command that moves benchMiB.
func rate(t *testing.T, times int, command string) float64 {
	t.Helper()
	began := time.Now()
	run(t, "sh", "-c", command)
	return float64(times) * benchMiB * (1 << 20) / 1e6 / time.Since(began).Seconds()
}

func figure(what string, write, read float64) {
	fmt.Printf("figure: %-28s write %6.1f MB/s, read %6.1f MB/s\n", what, write, read)
}

// bothWays writes a tape and reads it.
func bothWays(t *testing.T, node string) (write, read float64) {
	t.Helper()
	write = rate(t, 1, fmt.Sprintf("dd if=/dev/zero of=%s bs=256k count=%d status=none", node, benchMiB*4))
	run(t, "mt", "-f", node, "rewind")
	run(t, "sh", "-c", "sync; echo 3 >/proc/sys/vm/drop_caches")
	read = rate(t, 1, fmt.Sprintf("dd of=/dev/null if=%s bs=256k count=%d status=none", node, benchMiB*4))
	run(t, "mt", "-f", node, "rewind")
	return write, read
}

// TestBench measures a served drive beside the file system and beside the tape of tgt, in one run.
func TestBench(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write := rate(t, 1, fmt.Sprintf("dd if=/dev/zero of=%s bs=256k count=%d conv=fsync status=none", file, benchMiB*4))
	run(t, "sh", "-c", "echo 3 >/proc/sys/vm/drop_caches")
	read := rate(t, 1, fmt.Sprintf("dd of=/dev/null if=%s bs=256k status=none", file))
	figure("ext4, dd with fsync", write, read)
	run(t, "rm", file)
	t.Run("ours", benchOurs)
	t.Run("tgt", benchTGT)
}

func benchOurs(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "4", "--slots", "4").start()
	for n := range 4 {
		run(t, "mtx", "-f", s.changer.Generic, "load", fmt.Sprint(n+1), fmt.Sprint(n))
	}
	write, read := bothWays(t, s.drives[0].Tape)
	figure("served drive", write, read)
	four := func(format string) float64 {
		var all sync.WaitGroup
		began := time.Now()
		for _, d := range s.drives {
			all.Add(1)
			go func() {
				defer all.Done()
				if out, err := exec.Command("sh", "-c", fmt.Sprintf(format, d.Tape)).CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			}()
		}
		all.Wait()
		return 4 * benchMiB * (1 << 20) / 1e6 / time.Since(began).Seconds()
	}
	write = four(fmt.Sprintf("dd if=/dev/zero of=%%s bs=256k count=%d status=none", benchMiB*4))
	four("mt -f %s rewind")
	run(t, "sh", "-c", "sync; echo 3 >/proc/sys/vm/drop_caches")
	read = four(fmt.Sprintf("dd of=/dev/null if=%%s bs=256k count=%d status=none", benchMiB*4))
	figure("four served drives at once", write, read)
}

// benchTGT measures the tape of tgt over iSCSI from this machine to itself.
func benchTGT(t *testing.T) {
	image := filepath.Join(t.TempDir(), "tape")
	run(t, "tgtimg", "--op", "new", "--device-type", "tape", "--barcode", "T00001L3", "--size", "2000", "--type", "data", "--file", image)
	daemon(t, "tgtd", "-f")
	eventually(t, "tgtd", func() bool { return exec.Command("tgtadm", "--op", "show", "--mode", "target").Run() == nil })
	admin := func(args string) { run(t, "tgtadm", append([]string{"--lld", "iscsi"}, strings.Fields(args)...)...) }
	admin("--op new --mode target --tid 1 -T iqn.2001-04.com.example:tape")
	admin("--op new --mode logicalunit --tid 1 --lun 1 --device-type tape --backing-store " + image)
	admin("--op bind --mode target --tid 1 -I ALL")
	run(t, "modprobe", "iscsi_tcp")
	daemon(t, "iscsid", "-f")
	eventually(t, "the target", func() bool {
		return exec.Command("iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", "127.0.0.1").Run() == nil
	})
	run(t, "iscsiadm", "-m", "node", "-T", "iqn.2001-04.com.example:tape", "--login")
	t.Cleanup(func() { _ = exec.Command("iscsiadm", "-m", "node", "-u").Run() })
	var tape string
	eventually(t, "the tape of tgt", func() bool {
		found, _ := filepath.Glob("/dev/nst[0-9]")
		if len(found) == 1 {
			tape = found[0]
		}
		return tape != ""
	})
	write, read := bothWays(t, tape)
	figure("tgt over iSCSI", write, read)
}

// daemon runs a program until the test ends.
func daemon(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}
