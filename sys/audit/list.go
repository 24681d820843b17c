package audit

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"calypso/sys/errcode"
)

// Filter chooses records. The zero Filter takes all.
type Filter struct {
	Since   time.Time // records of this time and later
	Last    int       // the last N of those that fit; 0 is all
	Command string    // this command, or the group it begins with: "lto" takes "lto write"
}

func (f Filter) takes(r Record) bool {
	return (f.Since.IsZero() || !r.Time.Before(f.Since)) &&
		(f.Command == "" || r.Command == f.Command || strings.HasPrefix(r.Command, f.Command+" "))
}

// List gives the records of the log at path that f takes, oldest first, and how many lines are not
// records (Verify says what is wrong with them). A missing log has no records. A record that is
// being written just now is left out. The error is errcode.PermissionDenied or Failed.
func List(path string, f Filter) (records []Record, bad int, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return []Record{}, 0, nil
	}
	if err != nil {
		return nil, 0, errcode.New(errcode.Of(err), path, "cannot read: %w", err)
	}
	defer file.Close()
	records = []Record{}
	r := bufio.NewReaderSize(file, 64<<10)
	for {
		line, err := readLine(r)
		if errors.Is(err, io.EOF) {
			return records, bad, nil
		}
		if err != nil {
			return nil, 0, errcode.New(errcode.Of(err), path, "cannot read: %w", err)
		}
		record, _, err := open(line)
		switch {
		case err != nil:
			bad++
		case f.takes(record):
			records = append(records, record)
			if f.Last > 0 && len(records) > f.Last {
				records = records[1:]
			}
		}
	}
}
