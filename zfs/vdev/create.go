package vdev

import (
	"context"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/zfs"
)

// patience is how long a change of a pool may take: partitioning many disks and waiting for udev takes minutes.
const patience = 10 * time.Minute

// Plan is a pool to be made.
type Plan struct {
	Pool       string
	Layout     Layout
	Properties []Property
	// Force makes zpool pass over what it finds on the disks, over unequal sizes and redundancy. What is in use is
	// refused nevertheless. It is only for plans whose disks were judged here.
	Force bool
}

// Args are the words for zpool; try only shows the layout.
func (p Plan) Args(try bool) []string {
	words := []string{"create"}
	if try {
		words = append(words, "-n")
	}
	if p.Force {
		words = append(words, "-f")
	}
	words = append(words, propertyArgs(p.Properties)...)
	return append(append(words, p.Pool), p.Layout.Args()...)
}

// Try lets zpool judge the plan and gives the layout that it would make, line by line. It does not look at
// properties.
func (p Plan) Try(ctx context.Context, t zfs.Tools) ([]string, error) {
	r, err := p.run(ctx, t, true)
	if err != nil {
		return nil, err
	}
	_, layout, ok := strings.Cut(string(r.Stdout), "\n\n")
	if !ok {
		return nil, errcode.New(errcode.Failed, p.Pool, "no layout in the answer of zpool create -n: %q", r.Stdout)
	}
	var lines []string
	for line := range strings.Lines(layout) {
		if line = strings.TrimRight(strings.TrimPrefix(line, "\t"), " \t\n"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// Create makes the pool.
func (p Plan) Create(ctx context.Context, t zfs.Tools) error {
	_, err := p.run(ctx, t, false)
	return err
}

func (p Plan) run(ctx context.Context, t zfs.Tools, try bool) (run.Result, error) {
	r, err := t.Cmd(ctx, p.Pool, run.Cmd{Name: "zpool", Args: p.Args(try), Timeout: patience})
	if err != nil && strings.Contains(err.Error(), "minimum size") {
		return r, errcode.New(errcode.StorageRefused, p.Pool, "%w", err).WithHint("take larger disks: 'calypso pool disks'")
	}
	return r, err
}
