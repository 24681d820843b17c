package proc

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestGuardMemory(t *testing.T) {
	if err := GuardMemory(); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); n != 0 || err != nil {
		t.Errorf("PR_GET_DUMPABLE = %d, %v; want 0", n, err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit.Cur != 0 || limit.Max != 0 {
		t.Errorf("RLIMIT_CORE = %+v, %v; want 0", limit, err)
	}
}

func TestSecretBytes(t *testing.T) {
	b, release, err := SecretBytes(32)
	if err != nil || len(b) != 32 || cap(b) != 32 {
		t.Fatalf("SecretBytes(32) = %d bytes of %d, %v", len(b), cap(b), err)
	}
	b[31] = 1
	release()
	release() // a second time is no fault
	if _, _, err := SecretBytes(0); err == nil {
		t.Error("SecretBytes(0) gave memory")
	}
}
