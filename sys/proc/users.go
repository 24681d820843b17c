package proc

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// All lists the processes, other than this one, that procfs at proc shows, by number.
func All(proc string) []Opener {
	entries, _ := os.ReadDir(proc)
	var list []Opener
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
			list = append(list, Opener{pid, commandOf(filepath.Join(proc, e.Name(), "cmdline"))})
		}
	}
	slices.SortFunc(list, func(a, b Opener) int { return a.PID - b.PID })
	return list
}

// Users lists the processes that keep file systems busy (a file open or mapped, the working or the root directory
// on one) or have one of the nodes or files open. File systems are known by their device number (stat(2), st_dev),
// nodes and files as Openers knows them; proc is where procfs is mounted.
func Users[T any](proc string, fs map[uint64]T, nodes ...string) []Opener {
	on := map[uint64]bool{}
	mapped := map[string]bool{}
	for number := range fs {
		on[number] = true
		mapped[fmt.Sprintf("%02x:%02x", unix.Major(number), unix.Minor(number))] = true
	}
	wanted := wantedNodes(nodes)
	var list []Opener
	for _, p := range All(proc) {
		dir := filepath.Join(proc, strconv.Itoa(p.PID))
		if standsOn(dir, on, wanted) || len(mapped) > 0 && hasMapped(filepath.Join(dir, "maps"), mapped) {
			list = append(list, p)
		}
	}
	return list
}

// standsOn looks at the links of a process: cwd, root, the program, the open files.
func standsOn(dir string, on, wanted map[uint64]bool) bool {
	links := []string{"cwd", "root", "exe"}
	files, _ := os.ReadDir(filepath.Join(dir, "fd"))
	for _, f := range files {
		links = append(links, filepath.Join("fd", f.Name()))
	}
	return slices.ContainsFunc(links, func(link string) bool {
		var st unix.Stat_t
		return unix.Stat(filepath.Join(dir, link), &st) == nil && (on[uint64(st.Dev)] || wanted[deviceOf(&st)])
	})
}

// hasMapped reads /proc/PID/maps: "7f00-7f01 r-xp 00000000 00:2d 34 /tank/lib.so", the device in hexadecimal.
func hasMapped(path string, devices map[string]bool) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 5 && devices[fields[3]] {
			return true
		}
	}
	return false
}
