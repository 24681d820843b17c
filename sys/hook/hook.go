// Package hook tells programs of the administrator that something happened: the executables in a directory,
// in the order of their names, each with one JSON object on standard input, in the environment that every tool
// gets (sys/run) and no other, ended at a deadline.
//
// Names are those that run-parts(8) takes: letters, digits, '_' and '-'; others (editors' backups, packages'
// leftovers) are passed over. An executable that others than its owner and the user of this process may write
// is not run: it would give whoever may write it the rights of this process.
package hook

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/run"
)

// Timeout is how long one hook may take.
const Timeout = 30 * time.Second

// Result is how one hook ended; Err is nil when well.
type Result struct {
	Name string
	Err  error
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// Run runs every hook of dir, which may be missing, and tells how each ended. The error is that the directory
// cannot be read; a hook that fails keeps no other from being run.
func Run(ctx context.Context, dir string, event []byte, timeout time.Duration) ([]Result, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	unsafe := safe(dir)
	var results []Result
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		if err != nil || !plainName.MatchString(e.Name()) || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		r := Result{Name: e.Name(), Err: unsafe}
		if r.Err == nil {
			r.Err = safe(path)
		}
		if r.Err == nil {
			host := run.Host{Path: []string{dir}, Grace: time.Second}
			_, r.Err = host.Run(ctx, run.Cmd{Name: e.Name(), Stdin: bytes.NewReader(event), Timeout: timeout})
		}
		results = append(results, r)
		if ctx.Err() != nil {
			return results, ctx.Err()
		}
	}
	return results, nil
}

// safe is an error when others than root and the user of this process may write the file.
func safe(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid != 0 && int(owner.Uid) != os.Geteuid() || info.Mode()&0o022 != 0 {
		return errcode.New(errcode.PermissionDenied, path, "others may write it, so it is not run").
			WithHint("chown root %s; chmod go-w %s", path, path)
	}
	return nil
}
