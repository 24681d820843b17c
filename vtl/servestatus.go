package vtl

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"calypso/vtl/tcmu"
)

// ServeStatus is what a server tells of itself, in a file of the run directory.
type ServeStatus struct {
	SchemaVersion int            `json:"schema_version"`
	PID           int            `json:"pid"`
	Written       time.Time      `json:"written"`
	Loop          bool           `json:"loop"`
	IQN           string         `json:"iqn"`    // empty: no iSCSI
	Portal        string         `json:"portal"` // empty: no iSCSI
	Initiators    []string       `json:"initiators"`
	Units         []UnitStatus   `json:"units"`
	Sessions      []tcmu.Session `json:"sessions"`
}

// UnitStatus is one device that is served. The counters begin with the server.
type UnitStatus struct {
	Name         string     `json:"name"`
	Serial       string     `json:"serial"`
	Commands     int64      `json:"commands"`
	ReadBytes    int64      `json:"read_bytes"`
	WrittenBytes int64      `json:"written_bytes"`
	BusySince    *time.Time `json:"busy_since"` // when the command that is being carried out began; nil: none
	Queued       int        `json:"queued_commands"`
	// Since the status before this one; nil: this is the first.
	ReadRate    *int64 `json:"read_bytes_per_second"`
	WrittenRate *int64 `json:"written_bytes_per_second"`
}

const serveStatusSchema = 1

// sample is what the units had done at a time.
type sample struct {
	at       time.Time
	counters []tcmu.Counters
}

// Status is how the service does at present. It is for one goroutine.
func (v *Service) Status() ServeStatus {
	now := sample{time.Now(), v.served.Counters()}
	st := ServeStatus{SchemaVersion: serveStatusSchema, PID: os.Getpid(), Written: now.at.UTC(), Loop: v.loop}
	serials := v.Library.UnitSerials()
	for i := range now.counters {
		u := now.unit(i, v.before)
		u.Name, u.Serial = v.Library.UnitNames()[i], serials[i]
		st.Units = append(st.Units, u)
	}
	v.before = now
	if v.iscsi != nil {
		st.IQN, st.Portal, st.Initiators = v.iscsi.IQN, v.iscsi.Portal, v.iscsi.Initiators
		st.Sessions = v.iscsi.Sessions(v.host)
	}
	return st
}

// unit is what one of the units does, and how fast since an earlier sample.
func (s sample) unit(i int, before sample) UnitStatus {
	c := s.counters[i]
	u := UnitStatus{Commands: c.Commands, ReadBytes: c.ReadBytes, WrittenBytes: c.WrittenBytes, Queued: c.Queued}
	if !c.BusySince.IsZero() {
		since := c.BusySince.UTC()
		u.BusySince = &since
	}
	if seconds := s.at.Sub(before.at).Seconds(); i < len(before.counters) && seconds > 0 {
		rate := func(now, then int64) *int64 { n := int64(float64(now-then) / seconds); return &n }
		u.ReadRate, u.WrittenRate = rate(c.ReadBytes, before.counters[i].ReadBytes), rate(c.WrittenBytes, before.counters[i].WrittenBytes)
	}
	return u
}

// Stalled names the devices that have carried out one command, or have not looked for one, for longer than limit.
func (v *Service) Stalled(limit time.Duration) (units []string) {
	names := v.Library.UnitNames()
	for i, c := range v.served.Counters() {
		if !c.Turned.IsZero() && time.Since(c.Turned) > limit {
			units = append(units, names[i])
		}
	}
	return units
}

// Publish writes the status where `vtl status` of any user finds it.
func (v *Service) Publish() error {
	data, err := json.Marshal(v.Status())
	if err != nil {
		return err
	}
	path := v.store.statusFile(v.Library.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, data, 0o640); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return os.Rename(temporary, path)
}

func (s *Store) removeStatus(library string) error {
	if err := os.Remove(s.statusFile(library)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ServeStatus reads what the process pid, which serves the library, told last. nil: it told nothing yet.
func (s *Store) ServeStatus(library string, pid int) (*ServeStatus, error) {
	data, err := os.ReadFile(s.statusFile(library))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var st ServeStatus
	if json.Unmarshal(data, &st) != nil || st.SchemaVersion != serveStatusSchema || st.PID != pid {
		return nil, nil // of another version, or of a server that was killed
	}
	return &st, nil
}
