package vtl

import (
	"context"

	"calypso/tape/scsi"
	"calypso/vtl/fault"
	"calypso/vtl/spc"
	"calypso/vtl/ssc"
)

// execFaulty is Exec of a drive with injected faults: what they add comes before and after what the
// device server does.
func (d *Drive) execFaulty(ctx context.Context, cmd *scsi.Command) error {
	d.raiseInjected()
	if err := d.faults.Wait(ctx, movesBlock(cmd.CDB)); err != nil {
		return err
	}
	if err := d.becomingReady(ctx, cmd); err != nil {
		return err
	}
	loads := isLoad(cmd.CDB) && !d.server.State().Loaded
	if loads && d.hasTape() {
		if err := d.refuseLoad(); err != nil {
			return injectedSense(cmd.CDB, err)
		}
	}
	err := d.server.Exec(ctx, cmd)
	if loads && err == nil {
		d.faults.Loaded()
	}
	return injectedSense(cmd.CDB, err)
}

// injectedSense gives an error that an injected fault caused the sense that the fault asks for.
func injectedSense(cdb []byte, err error) error {
	f := injectedCause(err)
	if f == nil || f.Key == 0 {
		return err
	}
	return spc.Finish(cdb, spc.Refuse(f.Key, f.ASC).Because(f))
}

// raiseInjected keeps the injected TapeAlert flags up, and takes back those that were cleared. A flag
// that was up before is left alone.
func (d *Drive) raiseInjected() {
	want := uint64(0)
	for _, f := range d.faults.Of(fault.Alert) {
		want |= alertBit(f.Flag)
	}
	for flag := 1; flag <= 64 && (want != 0 || d.injected != 0); flag++ {
		bit := alertBit(flag)
		switch {
		case want&bit != 0 && d.server.State().Alerts&bit == 0:
			d.causes |= bit &^ (d.server.State().Statistics.Raised | d.injected)
			d.server.Raise(flag)
			d.injected |= bit
		case want&bit == 0 && d.injected&bit != 0:
			d.server.Lower(flag)
			d.injected, d.causes = d.injected&^bit, d.causes&^bit
		}
	}
}

// alertBit is where ssc.State has a TapeAlert flag.
func alertBit(flag int) uint64 { return 1 << (64 - flag) }

// refuseLoad is the failure of a load, if one is injected (SSC-5: MEDIA LOAD OR EJECT FAILED).
func (d *Drive) refuseLoad() error {
	f, ok := d.faults.Hit(fault.LoadFailure, func(fault.Fault) bool { return true })
	if !ok {
		return nil
	}
	return f.Err(scsi.MediumError, spc.LoadOrEjectFailed)
}

// becomingReady answers commands that need a medium while the drive pretends to prepare it. Unit
// attentions go first, as always, and so does a medium that is not there.
func (d *Drive) becomingReady(ctx context.Context, cmd *scsi.Command) error {
	f, progress, ok := d.faults.Becoming()
	if !ok || worksUnready(cmd.CDB) {
		return nil
	}
	probe := scsi.Command{CDB: make([]byte, 6)} // TEST UNIT READY
	if err := d.server.Exec(ctx, &probe); err != nil {
		return err
	}
	cmd.Transferred = 0
	p := uint16(min(progress*65536, 65535))
	raw := []byte{0x70, 0, byte(scsi.NotReady), 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x04, 0x01, 0, 0x80, byte(p >> 8), byte(p)}
	s := scsi.Sense{Key: scsi.NotReady, ASC: scsi.ASCBecomingReady, SKSValid: true, SKS: [3]byte{0x80, byte(p >> 8), byte(p)}, Raw: raw}
	return &spc.CauseError{Check: &scsi.SenseError{CDB: append([]byte{}, cmd.CDB...), Sense: s}, Cause: f.Err(scsi.NotReady, scsi.ASCBecomingReady)}
}

// worksUnready says whether a drive carries a command out while it becomes ready: those that ask or
// set the drive, not the medium.
func worksUnready(cdb []byte) bool {
	if len(cdb) == 0 {
		return true
	}
	switch cdb[0] {
	case scsi.OpRequestSense, scsi.OpReadBlockLimits, scsi.OpInquiry, scsi.OpModeSelect6, scsi.OpModeSense6, scsi.OpPreventAllow,
		scsi.OpLoadUnload, scsi.OpModeSelect10, scsi.OpModeSense10, scsi.OpReportLUNs,
		0x16, 0x17, 0x1C, 0x1D, 0x44, 0x4C, 0x4D, 0x5E, 0x5F, 0xA2, 0xA3, 0xA4, 0xB5:
		return true
	}
	return false
}

func movesBlock(cdb []byte) bool {
	return len(cdb) > 0 && (cdb[0] == scsi.OpRead6 || cdb[0] == scsi.OpWrite6)
}

func isLoad(cdb []byte) bool { return len(cdb) == 6 && cdb[0] == scsi.OpLoadUnload && cdb[4]&0x01 != 0 }

// faultyMedium is a cartridge whose tape can be made to fail.
type faultyMedium struct {
	ssc.Medium
	faults *fault.Live
}

// Partition gives partition 0 with the injected medium errors.
func (m faultyMedium) Partition(n int) ssc.Partition {
	if n != 0 {
		return m.Medium.Partition(n)
	}
	return faultyTape{m.Medium.Partition(n), m.faults}
}

type faultyTape struct {
	ssc.Partition
	faults *fault.Live
}

func (t faultyTape) ReadBlock(lba int64, buf []byte) (int, error) {
	if err := t.fails(fault.Reads, lba, 1); err != nil {
		return 0, err
	}
	return t.Partition.ReadBlock(lba, buf)
}

func (t faultyTape) WriteBlock(lba int64, p []byte) error {
	if err := t.fails(fault.Writes, lba, 1); err != nil {
		return err
	}
	return t.Partition.WriteBlock(lba, p)
}

func (t faultyTape) WriteEnvelope(lba int64, p []byte) error {
	if err := t.fails(fault.Writes, lba, 1); err != nil {
		return err
	}
	return t.Partition.WriteEnvelope(lba, p)
}

func (t faultyTape) WriteFilemarks(lba, n int64) error {
	if err := t.fails(fault.Writes, lba, n); err != nil {
		return err
	}
	return t.Partition.WriteFilemarks(lba, n)
}

// fails finds a medium error in n objects from lba on.
func (t faultyTape) fails(a fault.Access, lba, n int64) error {
	f, ok := t.faults.Hit(fault.MediumError, func(f fault.Fault) bool {
		return (f.Access == a || f.Access == fault.Both) && f.Block >= lba && f.Block < lba+n
	})
	if !ok {
		return nil
	}
	return f.Err(0, 0)
}
