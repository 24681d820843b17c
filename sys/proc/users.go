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

// Users lists the processes that keep a file system busy: with a file open or mapped, their working or their root
// directory on it. It is known by its device number (stat(2), st_dev); proc is where procfs is mounted.
func Users(proc string, fs uint64) []Opener {
	var list []Opener
	for _, p := range All(proc) {
		if dir := filepath.Join(proc, strconv.Itoa(p.PID)); standsOn(dir, fs) || hasMapped(filepath.Join(dir, "maps"), fs) {
			list = append(list, p)
		}
	}
	return list
}

// standsOn looks at the links of a process: cwd, root, the program, the open files.
func standsOn(dir string, fs uint64) bool {
	links := []string{"cwd", "root", "exe"}
	files, _ := os.ReadDir(filepath.Join(dir, "fd"))
	for _, f := range files {
		links = append(links, filepath.Join("fd", f.Name()))
	}
	return slices.ContainsFunc(links, func(link string) bool {
		var st unix.Stat_t
		return unix.Stat(filepath.Join(dir, link), &st) == nil && uint64(st.Dev) == fs
	})
}

// hasMapped reads /proc/PID/maps: "7f00-7f01 r-xp 00000000 00:2d 34 /tank/lib.so", the device in hexadecimal.
func hasMapped(path string, fs uint64) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	device := fmt.Sprintf("%02x:%02x", unix.Major(fs), unix.Minor(fs))
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 5 && fields[3] == device {
			return true
		}
	}
	return false
}
