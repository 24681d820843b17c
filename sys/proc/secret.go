package proc

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// guard runs once: what it sets holds for the rest of the process.
var guard = sync.OnceValue(func() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("PR_SET_DUMPABLE: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("RLIMIT_CORE: %w", err)
	}
	return nil
})

// GuardMemory keeps the memory of this process from core dumps and from other processes of the same
// user (prctl(2) PR_SET_DUMPABLE, setrlimit(2) RLIMIT_CORE). It must succeed before a secret is in memory.
func GuardMemory() error { return guard() }

// SecretBytes gives n bytes of memory of their own, outside of what Go moves and copies, left out of core
// dumps and locked against swapping where the system lets it (RLIMIT_MEMLOCK). release zeroes the memory
// and gives it back; the bytes must not be used after it.
func SecretBytes(n int) (b []byte, release func(), err error) {
	if n <= 0 {
		return nil, nil, errors.New("no bytes were asked for")
	}
	if err := GuardMemory(); err != nil {
		return nil, nil, err
	}
	page, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, fmt.Errorf("memory for a secret: %w", err)
	}
	// Both are best effort: a container may allow neither, and the key is needed all the same.
	_ = unix.Madvise(page, unix.MADV_DONTDUMP)
	_ = unix.Mlock(page)
	return page[:n:n], sync.OnceFunc(func() {
		clear(page)
		_ = unix.Munlock(page)
		_ = unix.Munmap(page)
	}), nil
}
