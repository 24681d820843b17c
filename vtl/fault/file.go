package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/state"
)

const schema = 1

// file is the form of a library's file.
type file struct {
	SchemaVersion int     `yaml:"schema_version"`
	LastID        int     `yaml:"last_id"` // ids are not given twice, so that a cleared one stays recognisable in logs
	Faults        []Fault `yaml:"faults"`
}

// List reads the faults in a file, oldest first; none when there is no file. A damaged one is
// errcode.StateInvalid with its line.
func List(path string) ([]Fault, error) {
	var f file
	err := state.ReadYAML(path, schema, &f)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return f.Faults, f.check(path)
}

func (f file) check(path string) error {
	for _, x := range f.Faults {
		if err := x.Check(); err != nil || x.ID < 1 || x.ID > f.LastID {
			return errcode.New(errcode.StateInvalid, path, "fault %d: %w", x.ID, errors.Join(err, check(x.ID >= 1 && x.ID <= f.LastID, "not an id of 1 to %d", f.LastID)))
		}
	}
	return nil
}

// Add injects a fault and gives it with its id. One that Check refuses is errcode.Usage.
func Add(ctx context.Context, path string, x Fault, now time.Time) (Fault, error) {
	if err := x.Check(); err != nil {
		return x, errcode.New(errcode.Usage, "", "%w", err)
	}
	err := state.Update(ctx, path, schema, func(f *file) error {
		f.LastID++
		x.ID, x.Created = f.LastID, now.UTC().Truncate(time.Second)
		f.Faults = append(f.Faults, x)
		return nil
	})
	return x, err
}

// Clear removes the faults with these ids and gives them; errcode.FaultNotFound for one that is not
// there, with nothing removed.
func Clear(ctx context.Context, path string, ids []int) ([]Fault, error) {
	var gone []Fault
	err := state.Update(ctx, path, schema, func(f *file) error {
		gone = nil
		for _, id := range ids {
			i := slices.IndexFunc(f.Faults, func(x Fault) bool { return x.ID == id })
			if i < 0 {
				return errcode.New(errcode.FaultNotFound, fmt.Sprint(id), "no injected fault has this id")
			}
			gone = append(gone, f.Faults[i])
			f.Faults = slices.Delete(f.Faults, i, i+1)
		}
		if len(ids) == 0 {
			return state.ErrUnchanged
		}
		return nil
	})
	return gone, err
}

// change updates one fault; nothing happens when it was cleared meanwhile.
func change(path string, id int, how func(*Fault) bool) (done bool, err error) {
	err = state.Update(context.Background(), path, schema, func(f *file) error {
		for i := range f.Faults {
			if f.Faults[i].ID == id && how(&f.Faults[i]) {
				done = true
				return nil
			}
		}
		return state.ErrUnchanged
	})
	return done, err
}
