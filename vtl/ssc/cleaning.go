package ssc

import (
	"errors"
	"strings"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// Additional sense codes about cleaning (SPC-5).
const (
	cleaningInstalled scsi.ASC = 0x3003
	cleaningFailure   scsi.ASC = 0x3007
)

// TapeAlert flags about cleaning (SSC-5).
const (
	alertCleaningMedia   = 11
	alertCleanNow        = 20
	alertCleanPeriodic   = 21
	alertExpiredCleaning = 22
	alertInvalidCleaning = 23
)

const (
	cleaningKind    = 0x01 // medium type of attribute 0408h
	cleaningsAtMost = 50   // attribute 0409h of a cleaning cartridge: what LTO ones can do when new
	cleaningPrefix  = "CLN"
)

// asksCleaning are flags 20 and 21.
const asksCleaning alerts = 1<<(64-alertCleanNow) | 1<<(64-alertCleanPeriodic)

// clean is what a drive does with a cleaning cartridge as soon as it is put in: it takes no time here.
// Each cleaning is booked in the cartridge before it counts; one that has none left cleans nothing. The
// error is what kept the cartridge memory from being written.
func (s *Server) clean() error {
	expired := s.memory.CleaningsLeft == 0
	s.cleaningFailed = true
	s.raise(alertCleaningMedia)
	err := s.setMemory(func(m *Meta) {
		m.LoadCount++
		recordDrive(m, s.id)
		if !expired {
			m.CleaningsLeft--
		}
	})
	switch {
	case err != nil:
		return err
	case expired:
		s.raise(alertExpiredCleaning)
		return nil
	}
	s.cleaningFailed = false
	s.didClean()
	s.lower(alertExpiredCleaning)
	s.lower(alertInvalidCleaning)
	return nil
}

// checkCleaning refuses a cartridge that the library takes for a cleaning cartridge and that is none.
func (s *Server) checkCleaning(barcode string) error {
	if !strings.HasPrefix(barcode, cleaningPrefix) {
		return nil
	}
	s.unfit = true
	s.raise(alertInvalidCleaning)
	return errors.Join(errors.New("it is no cleaning cartridge"), spc.ErrIncompatible)
}

// cleaningSense is the answer of a drive that holds a cleaning cartridge to what needs a tape.
func (s *Server) cleaningSense() *spc.Check {
	if s.cleaningFailed {
		return spc.Refuse(scsi.NotReady, cleaningFailure)
	}
	return spc.Refuse(scsi.NotReady, cleaningInstalled)
}

// mediumInformation is attribute 0409h: how often a new cleaning cartridge cleans, else zero.
func mediumInformation(m Meta) []byte {
	if m.Cleaning {
		return []byte{0, cleaningsAtMost}
	}
	return []byte{0, 0}
}
