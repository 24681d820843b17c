package vtl

import (
	"errors"
	"testing"

	"calypso/tape/scsi"
)

// hosts is a device with more than one host.
type hosts interface {
	Device
	Nexus(name string) scsi.Transport
}

const registerAndIgnore = 0x06

func reserveOut(d scsi.Transport, action, kind byte, key, actionKey byte) error {
	list := make([]byte, 24)
	list[7], list[15] = key, actionKey
	_, err := exec(d, []byte{0x5F, action, kind, 0, 0, 0, 0, 0, 24, 0}, list, nil)
	return err
}

func wantConflict(t *testing.T, what string, err error) {
	t.Helper()
	var status *scsi.StatusError
	if !errors.As(err, &status) || status.Status != scsi.StatusReservationConflict {
		t.Errorf("%s: %v, want RESERVATION CONFLICT", what, err)
	}
}

// A reservation outlives the process that made it, but not one that was killed.
func TestReservationSurvivesClose(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 2))
	for _, open := range []func(*Store) hosts{
		func(s *Store) hosts { return openDrive(t, s, 0).(hosts) },
		func(s *Store) hosts { return openChanger(t, s).(hosts) },
	} {
		d := open(s)
		a := d.Nexus("a")
		settle(t, a)
		settle(t, d)
		if err := errors.Join(reserveOut(a, registerAndIgnore, 0, 0, 1), reserveOut(a, 0x01, 0x03, 1, 0)); err != nil {
			t.Fatal(err)
		}
		wantConflict(t, "MODE SENSE", modeSense(d))
		closeDevice(t, d)

		d = open(s)
		wantConflict(t, "MODE SENSE of the next process", modeSense(d))
		if err := modeSense(d.Nexus("a")); err != nil {
			t.Errorf("MODE SENSE of the holder: %v", err)
		}
		d = open(NewStore(s.places)) // the process before was killed
		settle(t, d)
		if err := modeSense(d); err != nil {
			t.Errorf("MODE SENSE after a power cycle: %v", err)
		}
		wantSense(t, "first command of the holder after a power cycle", modeSense(d.Nexus("a")), scsi.UnitAttention, 0x2900)
		closeDevice(t, d)
	}
}

func modeSense(d scsi.Transport) error {
	_, err := exec(d, []byte{scsi.OpModeSense6, 0, 0x3F, 0, 255, 0}, nil, make([]byte, 255))
	return err
}
