package tape_test

import (
	"context"
	"testing"

	"calypso/tape"
	"calypso/tape/scsi"
)

// narrow is a drive of blocks up to 8 MiB behind a host adapter that carries less.
type narrow struct{ longest int }

func (narrow) MaxTransfer() int { return 64 << 10 }

func (n *narrow) Exec(_ context.Context, cmd *scsi.Command) error {
	n.longest = max(n.longest, len(cmd.DataIn))
	if cmd.CDB[0] == scsi.OpReadBlockLimits {
		cmd.Transferred = copy(cmd.DataIn, []byte{0, 0x80, 0, 0, 0, 1})
		return nil
	}
	cmd.Transferred = len(cmd.DataIn)
	return nil
}

func TestHostAdapterLimitsTransfers(t *testing.T) {
	n := &narrow{}
	d := tape.NewDrive(n)
	if _, largest, err := d.Limits(t.Context()); largest != 64<<10 || err != nil {
		t.Errorf("largest block %d, %v; want 65536", largest, err)
	}
	if _, err := d.Read(t.Context(), make([]byte, 1<<20)); err != nil || n.longest > 64<<10 {
		t.Errorf("a read of %d bytes: %v", n.longest, err)
	}
}
