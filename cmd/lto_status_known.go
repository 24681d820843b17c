package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"calypso/sys/lock"
	"calypso/tape/status"
)

// statusSnapshot is what a drive told the last time it could be asked. It is of one drive and one
// cartridge, whose serial number is Status.Medium.Serial.
type statusSnapshot struct {
	SchemaVersion int       `json:"schema_version"`
	Time          time.Time `json:"time"`
	Serial        string    `json:"drive_serial"`
	Status        statusDoc `json:"status"`
}

const (
	snapshotSchema   = 1
	maxSnapshotBytes = 1 << 20
)

func (inv *invocation) statusSnapshotPath(serial string) string {
	return filepath.Join(inv.places.StateDir, "status", strings.TrimSuffix(lock.FileName(serial), ".lock")+".json")
}

// readStatusSnapshot gives nil when there is none that can be used.
func (inv *invocation) readStatusSnapshot(serial string) *statusSnapshot {
	f, err := os.Open(inv.statusSnapshotPath(serial))
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSnapshotBytes))
	if err != nil {
		return nil
	}
	s, err := decodeStatusSnapshot(data, serial)
	if err != nil {
		return nil
	}
	return s
}

// decodeStatusSnapshot checks that the snapshot is one, and of this drive.
func decodeStatusSnapshot(data []byte, serial string) (*statusSnapshot, error) {
	var s statusSnapshot
	switch err := json.Unmarshal(data, &s); {
	case err != nil:
		return nil, err
	case s.SchemaVersion != snapshotSchema:
		return nil, fmt.Errorf("schema_version %d is not %d", s.SchemaVersion, snapshotSchema)
	case s.Serial != serial || s.Status.Serial != serial:
		return nil, fmt.Errorf("is that of drive %q, not of %q", s.Serial, serial)
	case s.Time.IsZero():
		return nil, fmt.Errorf("has no time")
	}
	return &s, nil
}

// keepStatus keeps the answer for the next time. Where it cannot be kept, nothing is lost but that: it is not made
// durable either, and a snapshot of a newer program is left alone.
func (inv *invocation) keepStatus(doc statusDoc) {
	path := inv.statusSnapshotPath(doc.Serial)
	if inv.dryRun || ofNewerProgram(path) {
		return
	}
	doc.Incomplete, doc.Warnings, doc.Volume, doc.Archives, doc.Registered = nil, nil, nil, nil, nil // of the catalog
	head := []field{{"schema_version", snapshotSchema}, {"time", doc.AsOf}, {"drive_serial", doc.Serial}, {"status", doc}}
	data, err := encodeJSON(head, nil, false)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o750)
	}
	if err == nil {
		err = replaceFile(path, data)
	}
	if err != nil {
		inv.detail("the status of %s could not be kept: %v", doc.Drive, err)
	}
}

// keepStatusOf keeps how a drive and its cartridge are at the end of a verb that used them. A drive that does
// not answer then is no failure of what was done before.
func (inv *invocation) keepStatusOf(ctx context.Context, d *drive) {
	if inv.dryRun {
		return
	}
	if facts, err := status.Gather(ctx, d.Drive); err == nil {
		inv.keepStatus(*newStatusDoc(d.device, facts, nil))
	}
}

// replaceFile writes a new file and gives it the name: a reader finds the old or the new one. What a killed process
// left in path+".new" is written over; when another one is at it, that one's will do.
func replaceFile(path string, data []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o640)
	if err != nil {
		return err
	}
	defer f.Close() // and with it the lock
	if !ours(f) {
		return nil
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// ours locks a file, if nobody else has and it still has its name.
func ours(f *os.File) bool {
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false
	}
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(open, named)
}

func ofNewerProgram(path string) bool {
	data, err := os.ReadFile(path)
	var head struct {
		SchemaVersion int `json:"schema_version"`
	}
	return err == nil && json.Unmarshal(data, &head) == nil && head.SchemaVersion > snapshotSchema
}

// remember fills in what a drive that prepares a cartridge cannot be asked, if that cartridge was in it the
// last time. Where the tape is, what the drive does and which key it holds was true only then.
func (doc *statusDoc) remember(s *statusSnapshot) {
	if s == nil || doc.Medium == nil {
		return
	}
	last := s.Status
	if last.Medium == nil || cell(last.Medium.Barcode) != cell(doc.Medium.Barcode) {
		last.Medium = nil
	}
	doc.fill(last, s.Time)
}

// fill takes the parts that are not known from an earlier answer, and says so.
func (doc *statusDoc) fill(last statusDoc, asOf time.Time) {
	stale := func(part string) {
		doc.StaleParts = append(doc.StaleParts, part)
		doc.Stale, doc.AsOf = true, asOf
	}
	if last.Medium != nil {
		doc.Medium = last.Medium
		stale("medium")
	}
	if doc.Alerts == nil && last.Alerts != nil {
		doc.Alerts = last.Alerts
		stale("alerts")
	}
	if doc.Compression == nil && last.Compression != nil {
		doc.Compression = &compressionDoc{Capable: last.Compression.Capable, Enabled: last.Compression.Enabled}
		stale("compression")
	}
}

// lastKnown is the answer when the drive cannot be asked: as it was seen last, with the cause for a warning.
// cause is the error when it was never seen.
func (inv *invocation) lastKnown(ctx context.Context, cause error) (*statusDoc, error) {
	if ctx.Err() != nil {
		return nil, cause
	}
	dev, err := inv.findDrive()
	if err != nil {
		return nil, cause
	}
	s := inv.readStatusSnapshot(dev.serial)
	if s == nil {
		return nil, cause
	}
	doc := s.offline(dev)
	if holder, err := lock.Peek(inv.places.RunDir, dev.lockName()); err == nil {
		doc.HeldBy = newHolderDoc(holder)
	}
	doc.Warnings = []string{fmt.Sprintf("%s cannot be asked, what follows is of %s: %v", dev.name, cell(s.Time), cause)}
	return doc, nil
}

// offline is the answer of the snapshot for a drive that cannot be asked. The library knows which cartridge
// is in it now.
func (s *statusSnapshot) offline(dev device) *statusDoc {
	last := s.Status
	doc := &statusDoc{Drive: dev.name, Vendor: last.Vendor, Product: last.Product, Revision: last.Revision, Serial: dev.serial,
		State: "offline", Stale: true, AsOf: s.Time, StaleParts: []string{"identity"}}
	if barcode := dev.library.LoadedIn(dev.number); last.Medium == nil || cell(last.Medium.Barcode) != cell(barcode) {
		last.Medium = nil
		if barcode != "" {
			doc.Medium = &mediumDoc{Barcode: &barcode}
		}
	}
	doc.fill(last, s.Time)
	return doc
}
