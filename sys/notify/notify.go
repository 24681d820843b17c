// Package notify tells the service manager how this process does: the protocol of sd_notify(3), one datagram
// a message on the socket that $NOTIFY_SOCKET names. Without a service manager everything is a no-op.
package notify

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// The messages.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Watchdog = "WATCHDOG=1"
)

// Manager is the service manager of this process.
type Manager struct {
	socket   string
	interval time.Duration
}

// New looks into the environment, where empty means unset. The variables are for this process alone:
// $WATCHDOG_PID says so for the watchdog.
func New(getenv func(string) string) Manager {
	m := Manager{socket: getenv("NOTIFY_SOCKET")}
	pid := getenv("WATCHDOG_PID")
	us, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if m.socket != "" && err == nil && us > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		m.interval = time.Duration(us) * time.Microsecond
	}
	return m
}

// Interval is how often the manager wants to hear Watchdog at the least; 0: not at all. Half of it is a good
// measure.
func (m Manager) Interval() time.Duration { return m.interval }

// Status is a message with a line for a person to read.
func Status(text string) string { return "STATUS=" + strings.ReplaceAll(text, "\n", " ") }

// Tell sends messages.
func (m Manager) Tell(messages ...string) error {
	if m.socket == "" {
		return nil
	}
	name := m.socket // the net package knows that a leading @ stands for the abstract name space
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(strings.Join(messages, "\n"))); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}
