package health

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/lock"
	"calypso/sys/state"
	"calypso/tape/scsi"
)

// Change is a TapeAlert flag that came or went.
type Change struct {
	Time    time.Time `json:"time"`
	Flag    int       `json:"flag"`
	Came    bool      `json:"came"`    // false: it went
	Barcode string    `json:"barcode"` // of the cartridge in the drive when it was seen, "" unknown
}

// History is which alerts of a drive came and went, one line a change, for as long as the file is kept.
// It is what was seen: a flag that came and went between two looks is not in it.
//
// Record reads before it writes, so callers of one drive take turns by a lock of theirs.
type History struct{ path string }

// NewHistory is the history of the drive with this serial number in dir, the directory of all.
func NewHistory(dir, serial string) History {
	name := strings.TrimSuffix(lock.FileName(serial), ".lock")
	return History{filepath.Join(dir, name+".jsonl")}
}

// Changes reads the whole history, the oldest first. A last line that a crash tore is not there; any
// other that cannot be read is errcode.StateInvalid, together with what was read before it.
func (h History) Changes() ([]Change, error) {
	data, err := os.ReadFile(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("alert history: %w", err)
	}
	return parseHistory(h.path, data)
}

func parseHistory(path string, data []byte) ([]Change, error) {
	whole := data[:bytes.LastIndexByte(data, '\n')+1]
	lines := bufio.NewScanner(bytes.NewReader(whole))
	var list []Change
	for n := 1; lines.Scan(); n++ {
		var c Change
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil || c.Flag < 1 || c.Flag > scsi.AlertCount || c.Time.IsZero() {
			return list, errcode.New(errcode.StateInvalid, fmt.Sprintf("%s:%d", path, n), "not a change of an alert")
		}
		list = append(list, c)
	}
	if err := lines.Err(); err != nil {
		return list, errcode.New(errcode.StateInvalid, path, "%w", err)
	}
	return list, nil
}

// active are the flags that have come and not gone.
func active(list []Change) scsi.AlertFlags {
	var f scsi.AlertFlags
	for _, c := range list {
		bit := scsi.NewAlertFlags(c.Flag)
		if f &^= bit; c.Came {
			f |= bit
		}
	}
	return f
}

// Record adds a line for each flag that came or went since the last one. Nothing is written when
// nothing changed.
func (h History) Record(now time.Time, flags scsi.AlertFlags, barcode string) error {
	list, err := h.Changes()
	if err != nil {
		return err
	}
	before := active(list)
	for _, n := range (before ^ flags).Numbers() {
		c := Change{Time: now.UTC(), Flag: n, Came: flags.Has(n), Barcode: barcode}
		line, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if err := state.AppendLine(h.path, line); err != nil {
			return err
		}
	}
	return nil
}
