package vtl

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"calypso/sys/proc"
	"calypso/tape/scsi"
	"calypso/vtl/smc"
	"calypso/vtl/spc"
	"calypso/vtl/ssc"
)

// volatile is the file of a device's volatile state. It need not survive a power cut, so it is not
// made durable: a reboot is a power cycle for a virtual device as for a real one. The boot id tells a
// reboot where the run directory is on a disk.
type volatile[T any] struct {
	SchemaVersion int    `json:"schema_version"`
	BootID        string `json:"boot_id"`
	State         T      `json:"state"`
}

const volatileSchema = 1

func (s *Store) driveFile(library string, n int) string {
	return filepath.Join(s.runDir(library), fmt.Sprintf("drive-%d.json", n))
}

func (s *Store) changerFile(library string) string {
	return filepath.Join(s.runDir(library), "changer.json")
}

// readVolatile gives nil when there is no state that can be used: the device was switched on just now.
func readVolatile[T ssc.State | smc.State](path string) *T {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var v volatile[T]
	if err := json.Unmarshal(data, &v); err != nil || v.SchemaVersion != volatileSchema || v.BootID != proc.BootID() {
		return nil
	}
	return &v.State
}

// writeVolatile replaces the state in one step; the device's lock keeps others away.
func writeVolatile[T ssc.State | smc.State](path string, state T) error {
	data, err := json.Marshal(volatile[T]{volatileSchema, proc.BootID(), state})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, data, 0o640); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return os.Rename(temporary, path)
}

// alertChanger queues a unit attention for the host of a changer that nobody has open. One that was
// not used since it was switched on has a greater one to report.
func (s *Store) alertChanger(library string, asc scsi.ASC) error {
	path := s.changerFile(library)
	state := readVolatile[smc.State](path)
	if state == nil || state.Dirty || state.DoorOpen && asc == spc.ImportExportAccessed { // told when it is closed
		return nil
	}
	attentions := spc.Attentions(state.Attentions)
	attentions.Add(asc)
	state.Attentions = attentions
	state.Shared.Alert(asc)
	return writeVolatile(path, *state)
}
