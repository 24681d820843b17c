package pax

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// file restores a regular file.
func (x *extractor) file(ctx context.Context, m *member, parts []string) error {
	dir, err := x.tree.open(parts[:len(parts)-1], true)
	if err != nil {
		return err
	}
	var fd int
	temp, err := withTemp(func(temp string) (err error) {
		fd, err = unix.Openat(dir.fd, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return wrapFailed("create", err)
	}
	err = x.fillFile(ctx, m, fd, dir, temp, parts[len(parts)-1])
	if closed := unix.Close(fd); closed != nil && err == nil { // NFS tells of a full disk here
		err = wrapFailed("close", closed)
	}
	if err == nil {
		return x.keep(dir, temp, parts[len(parts)-1])
	}
	_ = unix.Unlinkat(dir.fd, temp, 0) // gone already when it was kept as damaged
	return err
}

func (x *extractor) fillFile(ctx context.Context, m *member, fd int, dir directory, temp, name string) error {
	if err := x.writeData(ctx, m, fd); err != nil {
		return err
	}
	verified := x.verify(ctx, m)
	var f *failure
	if verified != nil && (!errors.As(verified, &f) || !x.o.KeepDamaged) {
		return verified
	}
	x.apply(m, &fileTarget{fd: fd, inherits: dir.inherits})
	if verified == nil {
		return nil
	}
	if err := x.rename(dir.fd, temp, damagedName(name)); err != nil {
		return err
	}
	return verified
}

// writeData writes the member's data, seeking over its holes.
func (x *extractor) writeData(ctx context.Context, m *member, fd int) error {
	if m.sparse == nil {
		return x.writeExtent(ctx, fd, extent{0, m.Size})
	}
	for _, e := range m.sparse {
		if err := x.writeExtent(ctx, fd, e); err != nil {
			return err
		}
	}
	return wrapFailed("set size", unix.Ftruncate(fd, m.Size))
}

func (x *extractor) writeExtent(ctx context.Context, fd int, e extent) error {
	for e.length > 0 {
		p, err := x.archive.data(ctx, e.length)
		if err != nil {
			return err
		}
		if len(p) == 0 {
			return &failure{KindDamaged, fmt.Errorf("%d bytes of data are missing", e.length)}
		}
		if err := pwrite(fd, p, e.offset); err != nil {
			return wrapFailed("write", err)
		}
		e.offset += int64(len(p))
		e.length -= int64(len(p))
	}
	return nil
}

func pwrite(fd int, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := unix.Pwrite(fd, p, off)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}
