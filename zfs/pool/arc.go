package pool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"calypso/sys/errcode"
	"calypso/zfs"
)

// ARC is the read cache: figures by the names of arcstats. Which there are differs from release to release.
type ARC map[string]uint64

// ReadARC reads the figures of the kernel.
func ReadARC(t zfs.Tools) (ARC, error) {
	path := filepath.Join(t.Proc, "spl", "kstat", "zfs", "arcstats")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = t.States() // says what is missing, if it is the module
		if err == nil {
			err = errcode.New(errcode.StorageUnsupported, path, "this release of ZFS has no such file")
		}
	}
	if err != nil {
		return nil, err
	}
	return decodeARC(string(text)), nil
}

// decodeARC reads a kstat of named figures: a line of numbers, a line of headers, then name, type, value. The
// types 1 to 4 are integers. Negative ones (memory_available_bytes) are left out.
func decodeARC(text string) ARC {
	a := ARC{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 || len(f[1]) != 1 || f[1][0] < '1' || f[1][0] > '4' {
			continue
		}
		if n, err := strconv.ParseUint(f[2], 10, 64); err == nil {
			a[f[0]] = n
		}
	}
	return a
}

// Figure is one of them, nil when the kernel has none of this name.
func (a ARC) Figure(name string) *uint64 {
	if n, ok := a[name]; ok {
		return &n
	}
	return nil
}

// HitPercent is how many of the accesses found what they wanted, nil when there were none. The names are
// prefixes: "", "demand_data_", "prefetch_metadata_", "l2_". Hits on what is just being read (iohits, since
// 2.2) had to wait for a disk: they are no hits.
func (a ARC) HitPercent(prefix string) *float64 {
	hits, misses := a.Figure(prefix+"hits"), a.Figure(prefix+"misses")
	if hits == nil || misses == nil {
		return nil
	}
	all := float64(*hits) + float64(*misses) + float64(a[prefix+"iohits"])
	if all == 0 {
		return nil
	}
	p := 100 * float64(*hits) / all
	return &p
}
