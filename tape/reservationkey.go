package tape

import (
	"crypto/sha256"
	"fmt"
	"os"

	"calypso/sys/proc"
)

// A reservation key of calypso tells whose it is: 2 bytes that all have (CA19h), 3 bytes of the host, 3 bytes
// of the process. A host is 3 bytes of the SHA-256 of its machine-id(5), which itself stays secret; a process
// is its pid, for which Linux never needs more than 22 bits.
const keyPrefix = 0xCA19

// HostID is how keys name this host: 6 hexadecimal digits.
func HostID() string { return fmt.Sprintf("%06x", hostBits()) }

func hostBits() uint64 {
	sum := sha256.Sum256([]byte("calypso persistent reservation\x00" + proc.MachineID()))
	return uint64(sum[0])<<16 | uint64(sum[1])<<8 | uint64(sum[2])
}

// OwnKey is the reservation key of this process.
func OwnKey() uint64 { return keyPrefix<<48 | hostBits()<<24 | uint64(os.Getpid())&0xFFFFFF }

// KeyOwner is what a reservation key tells of who registered it.
type KeyOwner struct {
	Calypso  bool   // else nothing is known
	HostID   string // see HostID
	ThisHost bool
	PID      int    // on that host
	Running  bool   // on this host: the process lives, and is another than this one
	Command  string // of the process that lives
}

// OwnerOf reads a key.
func OwnerOf(key uint64) KeyOwner {
	if key>>48 != keyPrefix {
		return KeyOwner{}
	}
	o := KeyOwner{Calypso: true, HostID: fmt.Sprintf("%06x", key>>24&0xFFFFFF), PID: int(key & 0xFFFFFF)}
	o.ThisHost = o.HostID == HostID()
	// A key with the pid of this process is of an earlier one: in a container all may have the same, and this one
	// asks before it registers.
	if o.ThisHost && o.PID != os.Getpid() {
		if command, runs := proc.Fellow(o.PID); runs {
			o.Running, o.Command = true, command
		}
	}
	return o
}

// Left says that the process is gone and its key stayed.
func (o KeyOwner) Left() bool { return o.ThisHost && !o.Running }

// String says it in words.
func (o KeyOwner) String() string {
	switch {
	case !o.Calypso:
		return "not a key of calypso"
	case o.Running:
		return fmt.Sprintf("pid %d (%s) of this host", o.PID, o.Command)
	case o.ThisHost:
		return fmt.Sprintf("pid %d of this host, which is gone", o.PID)
	}
	return fmt.Sprintf("calypso on another host (host id %s, pid %d)", o.HostID, o.PID)
}

// KeyText is a key as sg_persist takes it: hexadecimal, with all its digits.
func KeyText(key uint64) string { return fmt.Sprintf("0x%016x", key) }
