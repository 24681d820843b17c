package dataset

import (
	"context"
	"slices"
	"strings"

	"calypso/sys/errcode"
	"calypso/zfs"
)

// Hold is a tag that keeps a snapshot from being destroyed.
type Hold struct{ Snapshot, Tag string }

// Holds lists the holds of a snapshot. When they were made zfs tells in seconds only from 2.2 on, so it is not
// asked.
func (s Store) Holds(ctx context.Context, snapshot string) ([]Hold, error) {
	if err := zfs.CheckSnapshot(snapshot); err != nil {
		return nil, err
	}
	var list []Hold
	err := s.read(ctx, snapshot, decodeHolds(func(h Hold) { list = append(list, h) }), "holds", "-H", snapshot)
	return list, err
}

func decodeHolds(each func(Hold)) *rows {
	return &rows{columns: 3, each: func(f []string) error {
		each(Hold{f[0], f[1]})
		return nil
	}}
}

// Hold adds a tag; done says whether it was not there before.
func (s Store) Hold(ctx context.Context, snapshot, tag string, recursive, dryRun bool) (done bool, err error) {
	list, err := s.tagged(ctx, snapshot, tag)
	if err != nil {
		return false, err
	}
	if slices.Contains(list, Hold{snapshot, tag}) && !recursive {
		return false, nil
	}
	if dryRun {
		return true, nil
	}
	_, err = s.zfs(ctx, snapshot, tagArgs("hold", tag, snapshot, recursive)...)
	return err == nil, err
}

// Release takes a tag away.
func (s Store) Release(ctx context.Context, snapshot, tag string, recursive, dryRun bool) error {
	list, err := s.tagged(ctx, snapshot, tag)
	if err != nil {
		return err
	}
	if !slices.Contains(list, Hold{snapshot, tag}) {
		var tags []string
		for _, h := range list {
			tags = append(tags, h.Tag)
		}
		return errcode.New(errcode.DatasetNotFound, snapshot, "no hold with the tag %q; its tags are: %s", tag, strings.Join(tags, ", "))
	}
	if dryRun {
		return nil
	}
	_, err = s.zfs(ctx, snapshot, tagArgs("release", tag, snapshot, recursive)...)
	return err
}

func (s Store) tagged(ctx context.Context, snapshot, tag string) ([]Hold, error) {
	if err := checkTag(tag); err != nil {
		return nil, err
	}
	return s.Holds(ctx, snapshot)
}

func tagArgs(verb, tag, snapshot string, recursive bool) []string {
	if recursive {
		return []string{verb, "-r", tag, snapshot}
	}
	return []string{verb, tag, snapshot}
}
