//go:build lab

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// says runs a command and wants each of the words in what it prints.
func says(t *testing.T, words []string, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		return
	}
	for _, w := range words {
		if !strings.Contains(string(out), w) {
			t.Errorf("%s %s says\n%s\nwant %q in it", name, strings.Join(args, " "), out, w)
		}
	}
}

// TestForeignClients: programs that know nothing of calypso use a served library.
func TestForeignClients(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "2", "--slots", "4", "--io-slots", "1", "--tape-size", "200MB", "--tapes", "3").start()
	t.Run("mtx", func(t *testing.T) { foreignChanger(t, s) })
	t.Run("mt", func(t *testing.T) { foreignTape(t, s.drives[0].Tape) })
	t.Run("sg", func(t *testing.T) { foreignSG(t, s) })
	t.Run("blocks", func(t *testing.T) { foreignBlocks(t, s.drives[0].Tape) })
	t.Run("tar", func(t *testing.T) { foreignTar(t, s) })
	t.Run("stenc", func(t *testing.T) { foreignKeys(t, s.drives[0].Tape) })
}

func foreignChanger(t *testing.T, s *server) {
	mtx := func(words []string, args ...string) {
		t.Helper()
		says(t, words, "mtx", append([]string{"-f", s.changer.Generic}, args...)...)
	}
	mtx([]string{"Data Transfer Element 1:Empty", "Storage Element 1:Full :VolumeTag=V00001L8"}, "status")
	mtx([]string{"Medium Changer", s.changer.Serial[:1]}, "inquiry")
	mtx(nil, "inventory")
	mtx(nil, "transfer", "3", "4")
	mtx([]string{"Storage Element 4:Full :VolumeTag=V00003L8"}, "status")
	mtx(nil, "load", "1", "0")
	mtx([]string{"(Storage Element 1 Loaded):VolumeTag = V00001L8"}, "status")
	mtx(nil, "exchange", "2", "4")
	mtx([]string{"Storage Element 4:Full :VolumeTag=V00002L8"}, "status")
	mtx(nil, "load", "4", "1")
	fails(t, "Full", "mtx", "-f", s.changer.Generic, "load", "4", "0")
	mtx(nil, "unload", "4", "1")
}

func foreignTape(t *testing.T, tape string) {
	mt := func(words []string, args ...string) {
		t.Helper()
		says(t, words, "mt", append([]string{"-f", tape}, args...)...)
	}
	mt([]string{"BOT ONLINE"}, "status")
	run(t, "dd", "if=/dev/zero", "of="+tape, "bs=4k", "count=10")
	run(t, "dd", "if=/dev/zero", "of="+tape, "bs=4k", "count=5")
	mt([]string{"File number=2, block number=0"}, "status")
	mt([]string{"At block 17"}, "tell")
	mt(nil, "bsf", "1")
	mt(nil, "bsr", "2")
	mt([]string{"At block 14"}, "tell") // st itself does not know the block number after bsf
	mt(nil, "rewind")
	mt(nil, "fsf", "1")
	mt(nil, "fsr", "2")
	mt([]string{"File number=1, block number=2"}, "status")
	mt(nil, "seek", "4")
	mt([]string{"At block 4"}, "tell")
	mt(nil, "asf", "1")
	mt(nil, "eod")
	mt([]string{"EOD"}, "status")
	mt(nil, "weof", "2")
	mt(nil, "rewind")
	for _, args := range [][]string{{"setblk", "512"}, {"setblk", "0"}, {"defcompression", "0"}, {"compression", "1"},
		{"drvbuffer", "1"}, {"stoptions", "buffer-writes", "async-writes"}, {"lock"}, {"unlock"}, {"retension"}, {"densities"}, {"offline"}} {
		mt(nil, args...)
	}
	mt(nil, "load") // anything else waits two minutes in st for an unloaded cartridge, as with a real drive
	mt(nil, "rewind")
	mt([]string{"BOT ONLINE"}, "status")
	mt(nil, "erase")
}

func foreignSG(t *testing.T, s *server) {
	drive, changer := s.drives[0].Generic, s.changer.Generic
	says(t, []string{"ULTRIUM-TD8"}, "sg_inq", drive)
	says(t, []string{s.drives[0].Serial}, "sg_vpd", "-p", "sn", drive)
	says(t, []string{"designator"}, "sg_vpd", "-p", "di", drive)
	says(t, []string{s.changer.Serial}, "sg_vpd", "-p", "sn", changer)
	says(t, []string{"Supported log pages"}, "sg_logs", drive)
	says(t, nil, "sg_logs", "-a", drive)
	says(t, nil, "sg_modes", "-a", drive)
	says(t, nil, "sg_read_attr", drive)
	says(t, []string{"Write(6)"}, "sg_opcodes", drive)
	says(t, []string{"Move medium"}, "sg_opcodes", changer)
	// TEST UNIT READY. sg_turs of sg3_utils 1.48 prints "bad pass-through setup", sends nothing and ends with 0.
	says(t, []string{"SCSI Status: Good"}, "sg_raw", drive, "0", "0", "0", "0", "0", "0")
	says(t, nil, "sg_luns", changer)
	says(t, nil, "sg_requests", drive)
	says(t, nil, "lsscsi", "-g")
	says(t, []string{"NO registered"}, "sg_persist", "-n", "-i", "-k", drive)
	says(t, nil, "sg_persist", "-n", "-o", "-G", "-S", "0x1", drive)
	if t.Failed() {
		t.Log(run(t, "sh", "-c", "sg_persist -n -o -G -S 0x1 -vv "+drive+" 2>&1; dmesg | tail -20"))
	}
	says(t, []string{"0x1"}, "sg_persist", "-n", "-i", "-k", drive)
	says(t, nil, "sg_persist", "-n", "-o", "-R", "-K", "0x1", "-T", "3", drive)
	says(t, []string{"Exclusive Access"}, "sg_persist", "-n", "-i", "-r", drive)
	says(t, nil, "sg_persist", "-n", "-o", "-C", "-K", "0x1", drive)
}

// foreignBlocks writes and reads at every block size, variable and fixed.
func foreignBlocks(t *testing.T, tape string) {
	data := filepath.Join(t.TempDir(), "data")
	for size := 512; size <= 1<<20; size *= 2 {
		run(t, "sh", "-c", fmt.Sprintf("head -c %d /dev/urandom >%s", 7*size, data))
		for _, fixed := range []int{0, min(size, 64<<10)} {
			run(t, "mt", "-f", tape, "setblk", fmt.Sprint(fixed))
			run(t, "mt", "-f", tape, "rewind")
			run(t, "dd", "if="+data, "of="+tape, fmt.Sprintf("bs=%d", size))
			run(t, "mt", "-f", tape, "rewind")
			run(t, "sh", "-c", fmt.Sprintf("dd if=%s bs=%d | cmp - %s", tape, size, data))
		}
	}
	run(t, "mt", "-f", tape, "setblk", "0")
	run(t, "mt", "-f", tape, "rewind")
}

// foreignTar lets GNU tar fill one tape and go on with the next.
func foreignTar(t *testing.T, s *server) {
	dir, tape := t.TempDir(), s.drives[0].Tape
	run(t, "sh", "-c", "head -c 250M /dev/urandom >"+filepath.Join(dir, "big"))
	script := filepath.Join(dir, "next")
	change := fmt.Sprintf("#!/bin/sh\nmt -f %s offline; mtx -f %s unload $(mtx -f %s status | sed -n 's/.*Element 0:Full (Storage Element \\([0-9]*\\) .*/\\1/p') 0\n"+
		"case $TAR_VOLUME in 2) from=%%d;; esac; mtx -f %s load $from 0; mt -f %s rewind\n", tape, s.changer.Generic, s.changer.Generic, s.changer.Generic, tape)
	if err := os.WriteFile(script, []byte(fmt.Sprintf(change, 4)), 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "tar", "-c", "-M", "-b", "512", "-F", script, "-f", tape, "-C", dir, "big")
	run(t, "mt", "-f", tape, "offline")
	run(t, "mtx", "-f", s.changer.Generic, "unload", "4", "0")
	run(t, "mtx", "-f", s.changer.Generic, "load", "1", "0")
	run(t, "mt", "-f", tape, "rewind")
	run(t, "sh", "-c", fmt.Sprintf("mkdir %s/out && tar -x -M -b 512 -F %s -f %s -C %s/out && cmp %s/big %s/out/big", dir, script, tape, dir, dir, dir))
	run(t, "mt", "-f", tape, "rewind")
}

// foreignKeys encrypts with stenc: without the key, or with another one, nothing is read.
func foreignKeys(t *testing.T, tape string) {
	dir := t.TempDir()
	key := func(name, digit string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Repeat(digit, 64)+"\n"+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	right, wrong := key("right", "a"), key("wrong", "b")
	run(t, "sh", "-c", "head -c 1M /dev/urandom >"+dir+"/data")
	run(t, "stenc", "-f", tape, "-e", "on", "-k", right, "-a", "1")
	run(t, "mt", "-f", tape, "rewind")
	run(t, "dd", "if="+dir+"/data", "of="+tape, "bs=64k")
	readBack := "mt -f " + tape + " rewind && dd if=" + tape + " bs=64k | cmp - " + dir + "/data"
	run(t, "sh", "-c", readBack)
	run(t, "stenc", "-f", tape, "-e", "on", "-k", wrong, "-a", "1")
	fails(t, "", "sh", "-c", readBack)
	run(t, "stenc", "-f", tape, "-e", "off", "-a", "1")
	fails(t, "", "sh", "-c", readBack)
	run(t, "stenc", "-f", tape, "-e", "on", "-k", right, "-a", "1")
	run(t, "sh", "-c", readBack)
	run(t, "stenc", "-f", tape, "-e", "off", "-a", "1")
}

// TestFullDisk: the file system below the images fills up; the host sees an error, and the tape goes on once
// there is room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	run(t, "mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", dir)
	t.Cleanup(func() { run(t, "umount", dir) })
	s := newLibrary(t, "vtl01", "--drives", "1", "--slots", "2", "--backing", dir)
	s.start()
	run(t, "sh", "-c", "head -c 20M /dev/zero >"+dir+"/ballast")
	run(t, "mtx", "-f", s.changer.Generic, "load", "1", "0")
	tape := s.drives[0].Tape
	fails(t, "", "dd", "if=/dev/zero", "of="+tape, "bs=64k", "count=800")
	run(t, "rm", dir+"/ballast")
	run(t, "mt", "-f", tape, "rewind")
	run(t, "dd", "if=/dev/zero", "of="+tape, "bs=64k", "count=100")
	t.Log(s.stderr())
	s.stop()
}
