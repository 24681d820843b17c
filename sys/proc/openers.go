package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Opener is a process that has a file open.
type Opener struct {
	PID     int
	Command string // shortened, without secrets; "" when it cannot be read
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
		if err == nil && pid != os.Getpid() && hasOpen(filepath.Join(proc, e.Name(), "fd"), wanted) {
			list = append(list, Opener{pid, commandOf(filepath.Join(proc, e.Name(), "cmdline"))})
		}
	}
	return list
}

func wantedNodes(nodes []string) map[uint64]bool {
	wanted := map[uint64]bool{}
	for _, path := range nodes {
		var st unix.Stat_t
		if unix.Stat(path, &st) == nil {
			wanted[deviceOf(&st)] = true
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

func hasOpen(dir string, wanted map[uint64]bool) bool {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		var st unix.Stat_t
		if unix.Stat(filepath.Join(dir, e.Name()), &st) == nil && wanted[deviceOf(&st)] {
			return true
		}
	}
	return false
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
