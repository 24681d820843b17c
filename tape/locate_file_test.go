package tape

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// reel is a tape in a drive that knows positioning only. objects has 'F' for a filemark and 'b' for
// a block. locate is where the vendor's LOCATE to filemark number n stops, which may be behind the end.
type reel struct {
	objects  string
	at       int
	locate   func(r *reel, n int) int
	long     bool // READ POSITION has the long form
	commands int
}

func (r *reel) Exec(_ context.Context, cmd *scsi.Command) error {
	r.commands++
	sense := r.answer(cmd)
	if sense == nil {
		return nil
	}
	return &scsi.SenseError{CDB: cmd.CDB, Sense: *sense}
}

func (r *reel) answer(cmd *scsi.Command) *scsi.Sense {
	switch cmd.CDB[0] {
	case scsi.OpTestUnitReady:
		return nil
	case scsi.OpRewind:
		r.at = 0
		return nil
	case scsi.OpReadPosition:
		return r.position(cmd)
	case scsi.OpSpace6:
		return r.space(int(cmd.CDB[1]), int(int32(uint32(cmd.CDB[2])<<24|uint32(cmd.CDB[3])<<16|uint32(cmd.CDB[4])<<8)>>8))
	case scsi.OpLocate16:
		if r.locate == nil {
			return &scsi.Sense{Key: scsi.IllegalRequest, ASC: scsi.ASCInvalidField}
		}
		r.at = r.locate(r, int(binary.BigEndian.Uint64(cmd.CDB[4:])))
		if r.at > len(r.objects) {
			r.at = len(r.objects)
			return &scsi.Sense{Key: scsi.BlankCheck, ASC: scsi.ASCEndOfData}
		}
		return nil
	}
	return &scsi.Sense{Key: scsi.IllegalRequest, ASC: scsi.ASCInvalidOpcode}
}

func (r *reel) position(cmd *scsi.Command) *scsi.Sense {
	if cmd.CDB[1] == 6 && !r.long {
		return &scsi.Sense{Key: scsi.IllegalRequest, ASC: scsi.ASCInvalidField}
	}
	cmd.Transferred = len(cmd.DataIn)
	if cmd.CDB[1] == 0 {
		binary.BigEndian.PutUint32(cmd.DataIn[4:], uint32(r.at))
		return nil
	}
	binary.BigEndian.PutUint64(cmd.DataIn[8:], uint64(r.at))
	binary.BigEndian.PutUint64(cmd.DataIn[16:], uint64(filemarks(r.objects[:r.at])))
	return nil
}

func filemarks(objects string) (n int) {
	for _, o := range objects {
		if o == 'F' {
			n++
		}
	}
	return n
}

// space moves as SSC-5 7.14 says: over filemarks (code 1), or over blocks up to a filemark (code 0).
func (r *reel) space(code, count int) *scsi.Sense {
	step, left := 1, count
	if count < 0 {
		step, left = -1, -count
	}
	for left > 0 {
		next := r.at
		if step < 0 {
			next--
		}
		switch {
		case next < 0:
			return &scsi.Sense{EOM: true, ASC: scsi.ASCBeginningOfMedium, InfoValid: true, Info: int64(left)}
		case next == len(r.objects):
			return &scsi.Sense{Key: scsi.BlankCheck, ASC: scsi.ASCEndOfData, InfoValid: true, Info: int64(left)}
		}
		r.at += step
		mark := r.objects[next] == 'F'
		if code == 0 && mark {
			return &scsi.Sense{Filemark: true, ASC: scsi.ASCFilemark, InfoValid: true, Info: int64(left)}
		}
		if code == 0 || mark {
			left--
		}
	}
	return nil
}

// behind is the index behind the n-th filemark, past the end when there are fewer.
func behind(objects string, n int) int {
	if n <= 0 {
		return 0
	}
	for i, o := range objects {
		if o != 'F' {
			continue
		}
		if n--; n == 0 {
			return i + 1
		}
	}
	return len(objects) + 1
}

var vendors = map[string]*reel{
	"behind the filemark":              {long: true, locate: func(r *reel, n int) int { return behind(r.objects, n) }},
	"before the filemark":              {long: true, locate: func(r *reel, n int) int { return behind(r.objects, n) - 1 }},
	"before the filemark, one further": {long: true, locate: func(r *reel, n int) int { return behind(r.objects, n+1) - 1 }},
	"behind the filemark, one short":   {long: true, locate: func(r *reel, n int) int { return behind(r.objects, n-1) }},
	"LOCATE refused":                   {long: true},
	"no file numbers":                  {locate: func(r *reel, n int) int { return behind(r.objects, n) }},
	"nothing but SPACE":                {},
}

func TestLocateFile(t *testing.T) {
	tapes := []string{"bFbbFbF", "bFbbFbbb", "FFFF", "bFFbF", "F", "bbb", ""}
	for name, vendor := range vendors {
		for _, objects := range tapes {
			for n := 0; n <= filemarks(objects); n++ {
				t.Run(fmt.Sprintf("%s/%q/%d", name, objects, n), func(t *testing.T) {
					r := *vendor
					r.objects, r.at = objects, len(objects)/2
					d := NewDrive(&r)
					if err := d.LocateFile(t.Context(), int64(n)); err != nil {
						t.Fatal(err)
					}
					if want := behind(objects, n); r.at != want {
						t.Errorf("at %d, want %d", r.at, want)
					}
				})
			}
		}
	}
}

func TestLocateFileBeyondTheEnd(t *testing.T) {
	tapes := map[string]string{
		"bFbbFbF":  "has 3 files, 0 to 2",
		"bFbbFbbb": "has 3 files, 0 to 2",
		"bF":       "has 1 file, number 0",
		"bb":       "has 1 file, number 0",
		"":         "is blank",
	}
	for name, vendor := range vendors {
		for objects, says := range tapes {
			for _, n := range []int{filemarks(objects) + 1, 999} {
				t.Run(fmt.Sprintf("%s/%q/%d", name, objects, n), func(t *testing.T) {
					r := *vendor
					r.objects = objects
					d := NewDrive(&r)
					d.Name = "vtl01:0"
					err := d.LocateFile(t.Context(), int64(n))
					wantCode(t, err, errcode.TapeFileNotFound, fmt.Sprintf("locate file %d vtl01:0: ", n), says)
				})
			}
		}
	}
}

func TestLocateFileNegative(t *testing.T) {
	d := NewDrive(&reel{})
	wantCode(t, d.LocateFile(t.Context(), -1), errcode.TapeFileNotFound)
}

// TestLocateFileTakesFewCommands: on a long tape each command is seconds of motion.
func TestLocateFileTakesFewCommands(t *testing.T) {
	r := *vendors["behind the filemark"]
	for range 1000 {
		r.objects += "bF"
	}
	if err := NewDrive(&r).LocateFile(t.Context(), 900); err != nil {
		t.Fatal(err)
	}
	if r.commands > 7 { // ready, how long commands take (it is too old to be asked), locate, position, back, forth, position
		t.Errorf("%d commands", r.commands)
	}
}

func TestLocateFileLearnsThatLocateIsRefused(t *testing.T) {
	r := *vendors["LOCATE refused"]
	r.objects = "bFbF"
	d := NewDrive(&r)
	for i, most := range []int{6, 3} { // ready, how long, locate, rewind, space, position; the first three only once
		r.commands = 0
		if err := d.LocateFile(t.Context(), 1); err != nil || r.commands > most {
			t.Errorf("%d: %d commands, %v", i, r.commands, err)
		}
	}
}

// TestLocateFileWithoutResidue: the count of files comes from the position then.
func TestLocateFileWithoutResidue(t *testing.T) {
	d, _ := newDrive(t,
		step{cdb: "92 08 00 00 0000000000000009 00000000", sense: endOfData}, at(7, 3),
		step{cdb: "11 01 00 00 06 00", sense: endOfData}, at(7, 3),
		step{cdb: "11 00 ff ff ff 00", sense: "f0 00 80 00000001 0a 00000000 0001 00 000000"})
	wantCode(t, d.LocateFile(t.Context(), 9), errcode.TapeFileNotFound, "has 3 files, 0 to 2")
}

func TestLocateFileFindsADriveThatMisses(t *testing.T) {
	d, _ := newDrive(t,
		step{cdb: "92 08 00 00 0000000000000003 00000000"}, at(10, 2), step{cdb: "11 01 00 00 01 00"}, at(12, 2))
	wantCode(t, d.LocateFile(t.Context(), 3), errcode.TapePosition, "stopped at block 12, file 2")
	_, err := d.Write(t.Context(), []byte("x"))
	wantCode(t, err, errcode.TapePosition)
}
