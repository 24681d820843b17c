package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// benchStreams measures lto write and lto read --stdout of incompressible data against pipelines of
// the tools that people use today.
func benchStreams(s settings) error {
	data, image := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "image")
	if err := fill(data, s.size); err != nil {
		return err
	}
	defer os.Remove(data)
	fresh := s.calypso + " -q vtl delete bench --confirm bench >/dev/null 2>&1; " +
		s.calypso + " -q vtl create bench --slots 1 --start 1 && " + s.calypso + " -q library load bench --slot 1 && " +
		s.calypso + " -q lto label -f bench:0 V00001L8"
	write := s.calypso + " -q lto write -f bench:0 --name data - <" + data
	peer := fmt.Sprintf("cat %s | mbuffer -q -m 256M | tee >(sha256sum >/dev/null) | dd of=%s bs=256k iflag=fullblock status=none", data, image)
	mine, theirs, err := pair(fresh, write, peer)
	if err != nil {
		return err
	}
	report("write a stream", s.size, mine, theirs, "cat|mbuffer|tee >(sha256sum)|dd")

	read := s.calypso + " -q lto read -f bench:0 --file 1 --stdout >/dev/null"
	peer = fmt.Sprintf("dd if=%s bs=256k status=none | tee >(sha256sum >/dev/null) >/dev/null", image)
	if mine, theirs, err = pair("", read, peer); err != nil {
		return err
	}
	report("read a stream, verified", s.size, mine, theirs, "dd|tee >(sha256sum)")
	_, err = shell("rm -f " + image + "; " + s.calypso + " -q vtl delete bench --confirm bench")
	return err
}

// fill makes a file of random bytes.
func fill(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.CopyN(f, rand.Reader, size); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// benchSmallFiles measures a tree of many small files against GNU tar.
func benchSmallFiles(s settings) error {
	tree, image := filepath.Join(s.dir, "tree"), filepath.Join(s.dir, "image")
	content := make([]byte, 2048)
	for i := range s.files {
		dir := filepath.Join(tree, fmt.Sprintf("d%03d", i/1000))
		if i%1000 == 0 {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
		copy(content, fmt.Sprint(i))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file%06d", i)), content, 0o644); err != nil {
			return err
		}
	}
	defer os.RemoveAll(tree)
	fresh := s.calypso + " -q vtl delete bench --confirm bench >/dev/null 2>&1; " +
		s.calypso + " -q vtl create bench --slots 1 --start 1 && " + s.calypso + " -q library load bench --slot 1 && " +
		s.calypso + " -q lto label -f bench:0 V00001L8"
	write := s.calypso + " -q lto write -f bench:0 --name tree " + tree
	peer := fmt.Sprintf("tar --format=pax -C %s -cf - tree | dd of=%s bs=256k iflag=fullblock status=none", s.dir, image)
	mine, theirs, err := pair(fresh, write, peer)
	if err != nil {
		return err
	}
	report(fmt.Sprintf("write %d small files", s.files), 0, mine, theirs, "tar --format=pax|dd")
	_, err = shell("rm -f " + image + "; " + s.calypso + " -q vtl delete bench --confirm bench")
	return err
}

// benchStartup measures the start of the program against a C tool.
func benchStartup(s settings) error {
	mine, theirs, err := pairBy(direct, "", s.calypso+" version", "mtx --help")
	if err != nil {
		return err
	}
	report("start (calypso version)", 0, mine, theirs, "mtx --help")
	return nil
}
