// Package state keeps calypso's files: one YAML file per object, read strictly and written so that
// a kill or a power cut at any instruction leaves the old content or the new one.
//
// Reading (ReadYAML): YAML 1.2 as gopkg.in/yaml.v3 reads it, and then less: what that library
// forgives (unknown keys with Node, second documents, 010 as 8, 1.5 as 1, null as 0) is an error
// that names file and line, for these files are edited by hand in an emergency.
//
// Writing (WriteFile, WriteYAML): a temporary file in the same directory, fsync, rename, fsync of
// the directory; temporary files that a kill left behind go with the next write in the directory.
// Update adds a lock, so that two processes never lose each other's change.
//
// Limits: a local file system (flock, rename). Files are at most 64 MiB. A file that is a symbolic
// link is replaced by a file, as rename(2) does.
package state

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"reflect"
	"time"

	"github.com/gofrs/flock"

	"calypso/sys/errcode"
)

const (
	filePerm = 0o640
	dirPerm  = 0o750

	// lockWait is how long Update and AppendLine wait for another process at most: theirs are held
	// for milliseconds, so who waits longer waits for a process that was stopped.
	lockWait = 10 * time.Second
	lockPoll = 2 * time.Millisecond
)

// ErrUnchanged is what the change of an Update returns when there is nothing to write.
var ErrUnchanged = errors.New("unchanged")

// WriteYAML writes v as the YAML file path, as WriteFile does, with mode 0640.
func WriteYAML(path string, v any) error {
	data, err := encode(path, v)
	if err != nil {
		return err
	}
	return WriteFile(path, data, filePerm)
}

// Update changes the YAML file path under a lock: it reads the file (a missing one is the zero T),
// calls change, sets the field `schema_version` of T to current and writes. When change returns
// ErrUnchanged nothing is written and Update returns nil; any other error is returned as it is and
// nothing is written. The lock is path+".lock", a file that is never deleted. Errors are those of
// ReadYAML and WriteYAML, errcode.LockBusy when another process holds the lock for ten seconds, or
// that of ctx.
func Update[T any](ctx context.Context, path string, current int, change func(*T) error) error {
	unlock, err := lockBeside(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	var v T
	if err := ReadYAML(path, current, &v); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := change(&v); err != nil {
		if errors.Is(err, ErrUnchanged) {
			return nil
		}
		return err
	}
	setSchemaVersion(&v, current)
	return WriteYAML(path, &v)
}

// setSchemaVersion spares every caller the line, and its omission the next reader an error.
func setSchemaVersion(v any, current int) {
	s := reflect.ValueOf(v).Elem()
	if s.Kind() != reflect.Struct {
		return
	}
	for i := range s.NumField() {
		name, _ := keyOf(s.Type().Field(i))
		if name == schemaKey && s.Field(i).CanInt() {
			s.Field(i).SetInt(int64(current))
		}
	}
}

// lockBeside takes the lock file of path, making its directory when it is missing.
func lockBeside(ctx context.Context, path string) (unlock func(), err error) {
	lockPath := path + ".lock"
	if err := makeDirs(realDisk{}, filepath.Dir(path)); err != nil {
		return nil, writeError(path, err)
	}
	file := flock.New(lockPath, flock.SetPermissions(filePerm))
	waiting, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	_, err = file.TryLockContext(waiting, lockPoll)
	switch {
	case err == nil:
		return func() { _ = file.Unlock() }, nil
	case ctx.Err() != nil:
		return nil, errcode.New(errcode.Of(ctx.Err()), lockPath, "waiting for the lock: %w", ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return nil, errcode.New(errcode.LockBusy, lockPath, "held by another process for %s", lockWait)
	}
	return nil, writeError(lockPath, err)
}
