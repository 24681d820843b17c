package vdev

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/zfs"
)

// Contents is what is lost with a pool.
type Contents struct {
	Filesystems, Volumes, Snapshots int // besides the root file system
	AllocatedBytes, SizeBytes       int64
}

// String is "3 file systems, 1 volume and 40 snapshots".
func (c Contents) String() string {
	return fmt.Sprintf("%s, %s and %s", plural(c.Filesystems, "file system"), plural(c.Volumes, "volume"), plural(c.Snapshots, "snapshot"))
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// AskContents counts what a pool holds.
func AskContents(ctx context.Context, t zfs.Tools, pool string) (Contents, error) {
	var c Contents
	r, err := t.Zpool(ctx, pool, "list", "-Hp", "-o", "allocated,size", pool)
	if err != nil {
		return c, err
	}
	allocated, size, _ := strings.Cut(strings.TrimSpace(string(r.Stdout)), "\t")
	c.AllocatedBytes, _ = strconv.ParseInt(allocated, 10, 64)
	if c.SizeBytes, err = strconv.ParseInt(size, 10, 64); err != nil {
		return c, errcode.New(errcode.Failed, pool, "the answer of zpool list is %q", r.Stdout)
	}
	list := counter{}
	_, err = t.Cmd(ctx, pool, run.Cmd{Name: "zfs", Args: []string{"list", "-H", "-r", "-t", "filesystem,volume,snapshot", "-o", "type", pool},
		Stdout: &list, Timeout: 10 * time.Minute})
	if err != nil {
		return c, err
	}
	c.Filesystems, c.Volumes, c.Snapshots = max(list.lines["filesystem"]-1, 0), list.lines["volume"], list.lines["snapshot"]
	return c, nil
}

// counter counts equal lines: a pool may have more snapshots than an answer that is kept can hold.
type counter struct {
	lines map[string]int
	part  []byte
}

func (c *counter) Write(p []byte) (int, error) {
	if c.lines == nil {
		c.lines = map[string]int{}
	}
	c.part = append(c.part, p...)
	for {
		line, rest, ok := bytes.Cut(c.part, []byte{'\n'})
		if !ok {
			return len(p), nil
		}
		c.lines[string(line)]++
		c.part = rest
	}
}
