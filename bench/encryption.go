package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"calypso/sys/place"
	"calypso/tape"
	"calypso/vtl"
)

// benchEncryption measures lto write of incompressible data under a key against the same in clear, both appending to
// one tape.
func benchEncryption(s settings) error {
	data := filepath.Join(s.dir, "data")
	if err := fill(data, s.size); err != nil {
		return err
	}
	defer os.Remove(data)
	if _, err := shell(s.calypso + " -q key create bench --plain"); err != nil {
		return err
	}
	fresh := fmt.Sprintf("%[1]s -q vtl delete bench --confirm bench >/dev/null 2>&1; "+
		"%[1]s -q vtl create bench --slots 1 --start 1 && %[1]s -q library load bench --slot 1 && %[1]s -q lto label -f bench:0 V00001L8", s.calypso)
	write := func(flags string) string {
		return s.calypso + " -q lto write -f bench:0 --name data " + flags + " - <" + data
	}
	mine, theirs, err := pair(fresh, write("--key bench"), write(""))
	if err != nil {
		return err
	}
	report("write a stream, encrypted", s.size, mine, theirs, "the same in clear")
	read := func(file int) string {
		return fmt.Sprintf("%s -q lto read -f bench:0 --file %d --stdout >/dev/null", s.calypso, file)
	}
	if mine, theirs, err = pair("", read(1), read(3)); err != nil {
		return err
	}
	report("read a stream, decrypted", s.size, mine, theirs, "the same in clear")
	_, err = shell(s.calypso + " -q vtl delete bench --confirm bench")
	return err
}

// benchCompression measures a compressing drive alone, by the time of its CPU: the blocks of an archive of source code
// against the zstd of C in its fastest usual level, which sets what a core of this machine can do, and blocks that do
// not compress against a drive that leaves them as they are.
func benchCompression(s settings) error {
	words, err := text(".", 64<<20)
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, "text")
	if err := os.WriteFile(file, words, 0o644); err != nil {
		return err
	}
	defer os.Remove(file)
	mine, theirs, err := pairBy(func(line string) (sample, error) {
		if line == "" {
			return writeBlocks(s, "--compression", words)
		}
		return cpuOf(shell(line))
	}, "", "", "zstd -q -1 --single-thread -B256K -c "+file+" >/dev/null")
	if err != nil {
		return err
	}
	report("compress text, per core", int64(len(words)), mine, theirs, "zstd -1 --single-thread")
	noise := make([]byte, 64<<20)
	_, _ = rand.Read(noise)
	mine, theirs, err = pairBy(func(flags string) (sample, error) { return writeBlocks(s, flags, noise) }, "", "--compression", "")
	if err != nil {
		return err
	}
	report("try to compress noise, per core", int64(len(noise)), mine, theirs, "the same, not compressed")
	return nil
}

// cpuOf is a sample by the time of the CPU: what other processes do is not in it.
func cpuOf(s sample, err error) (sample, error) {
	s.wall = s.cpu
	return s, err
}

// text gives n bytes of the source code below a directory, from the beginning again when it is too short.
func text(dir string, n int) ([]byte, error) {
	var b bytes.Buffer
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || filepath.Ext(path) != ".go" && filepath.Ext(path) != ".md" {
			return err
		}
		data, err := os.ReadFile(path)
		b.Write(data)
		return err
	})
	if err == nil && b.Len() == 0 {
		err = errors.New("no source code in this directory to compress")
	}
	if err != nil {
		return nil, err
	}
	return bytes.Repeat(b.Bytes(), n/b.Len()+1)[:n], nil
}

// writeBlocks writes data in blocks of 256 KiB on a new tape in this process.
func writeBlocks(s settings, flags string, data []byte) (sample, error) {
	setup := fmt.Sprintf("%[1]s -q vtl create blocks --slots 1 --start 1 %[2]s && %[1]s -q library load blocks --slot 1", s.calypso, flags)
	if _, err := shell(setup); err != nil {
		return sample{}, err
	}
	places, err := place.Resolve(os.Getenv, os.Geteuid(), "", "")
	if err != nil {
		return sample{}, err
	}
	transport, err := vtl.NewStore(places).OpenDrive(context.Background(), "blocks", 0)
	if err != nil {
		return sample{}, err
	}
	used, err := writeAll(tape.NewDrive(transport), data)
	if err = errors.Join(err, transport.Close()); err != nil {
		return sample{}, err
	}
	_, err = shell(s.calypso + " -q vtl delete blocks --confirm blocks")
	return sample{wall: used}, err
}

// writeAll gives the time of the CPU that all blocks but the first took.
func writeAll(d *tape.Drive, data []byte) (time.Duration, error) {
	ctx := context.Background()
	if err := d.Rewind(ctx); err != nil {
		return 0, err
	}
	const block = 256 << 10
	var start syscall.Rusage
	for at := -block; at < len(data); at += block { // the first one twice: it sets up what the others use
		if at == 0 {
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &start)
		}
		if _, err := d.Write(ctx, data[max(at, 0):min(max(at, 0)+block, len(data))]); err != nil {
			return 0, err
		}
	}
	var end syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &end)
	return cpuTime(&end) - cpuTime(&start), nil
}
