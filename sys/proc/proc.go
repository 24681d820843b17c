// Package proc reads what Linux says about processes in /proc (proc(5)): enough to name a process to
// a person and to tell whether the process that once had a pid still lives.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// unsetLoginUID is what the kernel shows when no login set the audit id: (uid_t)-1.
const unsetLoginUID = 1<<32 - 1

// StartTime is when the process pid started, in clock ticks after boot: field 22 of
// /proc/PID/stat. Together with the pid and the boot it names a process for good, while a pid alone
// is used again. A zombie counts as gone: the error is then os.ErrNotExist.
func StartTime(pid int) (uint64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(stat)
}

// parseStat takes the fields after the last ')': the command before it may hold anything.
func parseStat(stat []byte) (uint64, error) {
	end := bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[end+1:]))
	const state, startTime = 0, 22 - 3 // field 3 is the first after the command
	if end < 0 || len(fields) <= startTime {
		return 0, fmt.Errorf("stat of a process: %d fields after the command, want %d", len(fields), startTime+1)
	}
	if fields[state] == "Z" || fields[state] == "X" {
		return 0, os.ErrNotExist
	}
	return strconv.ParseUint(fields[startTime], 10, 64)
}

// Alive says whether the process that had pid and started at startTime still lives.
func Alive(pid int, startTime uint64) bool {
	now, err := StartTime(pid)
	return err == nil && now == startTime
}

// BootID names this boot of the machine; empty when the kernel does not say.
func BootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// MachineID names this installation of the system (machine-id(5)), else the host's name. It is confidential:
// what others may see is a hash of it.
func MachineID() string {
	if id, err := os.ReadFile("/etc/machine-id"); err == nil && len(bytes.TrimSpace(id)) > 0 {
		return string(bytes.TrimSpace(id))
	}
	name, _ := os.Hostname()
	return name
}

// Fellow says whether pid runs the same program as this process, be it of another version, and gives its
// command line. One that may not be looked at is taken for a fellow.
func Fellow(pid int) (command string, runs bool) {
	if _, err := StartTime(pid); err != nil {
		return "", false
	}
	command = commandOf(fmt.Sprintf("/proc/%d/cmdline", pid))
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	ours, ourErr := os.Readlink("/proc/self/exe")
	return command, err != nil || ourErr != nil || program(theirs) == program(ours)
}

// program is the name of an executable, whose file may have been replaced.
func program(exe string) string { return filepath.Base(strings.TrimSuffix(exe, " (deleted)")) }

// LoginUID is the user who logged in, kept by the kernel through su and sudo; false when no login
// is behind this process (a daemon, cron without pam_loginuid, a kernel without audit).
func LoginUID() (uint32, bool) {
	text, err := os.ReadFile("/proc/self/loginuid")
	if err != nil {
		return 0, false
	}
	return parseLoginUID(string(text))
}

func parseLoginUID(text string) (uint32, bool) {
	uid, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	return uint32(uid), err == nil && uid != unsetLoginUID
}

// UserName is the name of the effective user, or its number when it has none.
func UserName() string {
	uid := strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return uid
}
