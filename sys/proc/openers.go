package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Opener is a process that has a file open.
type Opener struct {
	PID     int
	Command string // shortened, without secrets; "" when it cannot be read
	Node    string // which of the files, as it was asked for
}

// String is "pid 123 (tar cf /dev/nst0 .)".
func (o Opener) String() string {
	if o.Command == "" {
		return fmt.Sprintf("pid %d", o.PID)
	}
	return fmt.Sprintf("pid %d (%s)", o.PID, o.Command)
}

// Openers lists the processes that have one of these device nodes open, other than this one, as far as proc,
// where procfs is mounted ("/proc"), lets this user see: without privileges those are his own. A node is
// known by its device number, whatever path it was opened by.
func Openers(proc string, nodes ...string) []Opener {
	wanted := wantedNodes(nodes)
	entries, _ := os.ReadDir(proc)
	var list []Opener
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || len(wanted) == 0 {
			continue
		}
		for _, node := range opened(filepath.Join(proc, e.Name(), "fd"), wanted) {
			list = append(list, Opener{pid, commandOf(filepath.Join(proc, e.Name(), "cmdline")), node})
		}
	}
	return list
}

// wantedNodes gives the path of each node or file that is there, by what tells it apart.
func wantedNodes(nodes []string) map[uint64]string {
	wanted := map[uint64]string{}
	for _, path := range nodes {
		var st unix.Stat_t
		if unix.Stat(path, &st) == nil {
			wanted[deviceOf(&st)] = path
		}
	}
	return wanted
}

// deviceOf tells files apart: devices by their number, others by where they are.
func deviceOf(st *unix.Stat_t) uint64 {
	if kind := st.Mode & unix.S_IFMT; kind == unix.S_IFCHR || kind == unix.S_IFBLK {
		return uint64(st.Rdev)
	}
	return st.Ino<<16 ^ uint64(st.Dev)
}

// opened lists those of the files that the descriptors in dir lead to, each once.
func opened(dir string, wanted map[uint64]string) []string {
	entries, _ := os.ReadDir(dir)
	var list []string
	for _, e := range entries {
		var st unix.Stat_t
		if unix.Stat(filepath.Join(dir, e.Name()), &st) != nil {
			continue
		}
		if node, ok := wanted[deviceOf(&st)]; ok && !slices.Contains(list, node) {
			list = append(list, node)
		}
	}
	return list
}

func commandOf(path string) string {
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return ""
	}
	var argv []string
	for _, arg := range bytes.Split(bytes.TrimRight(b, "\x00"), []byte{0}) {
		argv = append(argv, string(arg))
	}
	return CommandLine(argv)
}
