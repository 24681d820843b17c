// Package scsi is the vocabulary of SCSI tape drives and changers as a host speaks it: commands,
// sense data and the decoders of what devices answer (SPC-5, SSC-5, SMC-3). It holds pure functions
// over bytes; the ways to reach a device implement Transport elsewhere.
package scsi

import (
	"context"
	"time"
)

// Transport carries one command to one logical unit and brings its answer back.
//
// Exec returns nil for status GOOD, a *SenseError for CHECK CONDITION (the device answered: its
// state is known), a *StatusError for any other status, and a *TransportError when no answer came
// back (the state of the device is unknown). Residuals are reported in cmd.Transferred in every
// case. An Exec whose ctx is done before the command was sent returns ctx.Err(); a command that was
// sent is never abandoned because ctx was cancelled.
type Transport interface {
	Exec(ctx context.Context, cmd *Command) error
}

// Command is one CDB with its data. At most one of DataOut and DataIn is set.
type Command struct {
	CDB     []byte
	DataOut []byte        // to the device
	DataIn  []byte        // room for what comes back
	Timeout time.Duration // 0: the transport's default

	Transferred int // after Exec: bytes of DataOut taken or of DataIn filled
}
