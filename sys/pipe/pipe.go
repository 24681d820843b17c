// Package pipe makes pipes carry more at a time.
package pipe

import (
	"os"

	"golang.org/x/sys/unix"
)

// size is what is asked for: 64 KiB, the kernel's default, costs a change of process four times a block of tape.
const size = 1 << 20

// Widen makes a pipe take more before its writer waits. What is no pipe stays as it is.
func Widen(f *os.File) {
	if conn, err := f.SyscallConn(); err == nil {
		// Refused for what is not a pipe and over the user's limit; then it is slower, no more.
		_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size) })
	}
}
