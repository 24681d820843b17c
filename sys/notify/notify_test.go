package notify

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func environment(m map[string]string) func(string) string {
	return func(name string) string { return m[name] }
}

func TestTell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	m := New(environment(map[string]string{"NOTIFY_SOCKET": path}))
	if err := m.Tell(Ready, Status("two\nlines")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	n, err := listener.Read(got)
	if want := "READY=1\nSTATUS=two lines"; err != nil || string(got[:n]) != want {
		t.Errorf("the manager got %q, %v; want %q", got[:n], err, want)
	}
}

func TestTellNobody(t *testing.T) {
	if err := New(environment(nil)).Tell(Ready); err != nil {
		t.Errorf("without a manager: %v; want nothing", err)
	}
	gone := New(environment(map[string]string{"NOTIFY_SOCKET": filepath.Join(t.TempDir(), "gone")}))
	if err := gone.Tell(Ready); err == nil {
		t.Error("a socket that is not there: no error")
	}
}

func TestInterval(t *testing.T) {
	for _, test := range []struct {
		pid, usec string
		want      time.Duration
	}{
		{"", "2000000", 2 * time.Second},
		{strconv.Itoa(os.Getpid()), "2000000", 2 * time.Second},
		{"1", "2000000", 0},
		{"", "", 0},
		{"", "-5", 0},
		{"", "often", 0},
	} {
		m := New(environment(map[string]string{"NOTIFY_SOCKET": "/x", "WATCHDOG_PID": test.pid, "WATCHDOG_USEC": test.usec}))
		if got := m.Interval(); got != test.want {
			t.Errorf("WATCHDOG_PID=%q WATCHDOG_USEC=%q: %v; want %v", test.pid, test.usec, got, test.want)
		}
	}
}
