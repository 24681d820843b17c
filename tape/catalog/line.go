package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/archive"
	"calypso/tape/archive/flat"
)

// Archive is an archive as the catalog has it: its manifest and the tape file where that is.
type Archive struct {
	archive.Manifest
	ManifestFile int64 // 0: not on the tape
}

// archiveKeys are the keys of a line of archives.jsonl, in their order.
var archiveKeys = []string{
	"volume", "volume_uuid", "file", "manifest_file", "name", "kind", "complete", "reason", "size_bytes",
	"blocks", "block_size_bytes", "sha256", "first_block", "started", "finished", "host", "software",
	"key_id", "members", "source_errors", "members_bytes", "members_sha256",
}

// appendLine gives the line of a, in o's memory.
func appendLine(o *flat.Object, a *Archive) []byte {
	o.Start()
	o.Text("volume", a.Volume)
	o.Text("volume_uuid", a.VolumeUUID)
	o.Int("file", a.File)
	o.Int("manifest_file", a.ManifestFile)
	o.Text("name", a.Name)
	o.Text("kind", a.Kind)
	o.Bool("complete", a.Complete)
	o.Text("reason", a.Reason)
	o.Int("size_bytes", a.SizeBytes)
	o.Int("blocks", a.Blocks)
	o.Int("block_size_bytes", int64(a.BlockSizeBytes))
	o.Text("sha256", a.SHA256)
	o.Int("first_block", a.FirstBlock)
	o.Time("started", a.Started.Truncate(time.Second))
	o.Time("finished", a.Finished.Truncate(time.Second))
	o.Text("host", a.Host)
	o.Text("software", a.Software)
	o.Text("key_id", a.KeyID)
	o.Int("members", a.Members)
	o.Int("source_errors", a.SourceErrors)
	o.Int("members_bytes", a.MembersBytes)
	o.Text("members_sha256", a.MembersSHA256)
	return o.End()
}

// parseLine reads a line. like lends the strings that are the same in it.
func parseLine(line []byte, like *Archive) (a Archive, err error) {
	err = flat.Decode(line, archiveKeys, func(key int, v flat.Value) error {
		return setField(&a, like, archiveKeys[key], v)
	})
	if err == nil {
		err = checkArchive(&a)
	}
	return a, err
}

func setField(a, like *Archive, key string, v flat.Value) (err error) {
	switch key {
	case "volume":
		a.Volume, err = v.TextLike(like.Volume)
	case "volume_uuid":
		a.VolumeUUID, err = v.TextLike(like.VolumeUUID)
	case "name":
		a.Name, err = v.TextLike(like.Name)
	case "kind":
		a.Kind, err = v.TextLike(like.Kind)
	case "complete":
		a.Complete, err = v.Bool()
	case "reason":
		a.Reason, err = v.TextLike(like.Reason)
	case "sha256":
		a.SHA256, err = v.Text()
	case "started":
		a.Started, err = v.Time()
	case "finished":
		a.Finished, err = v.Time()
	case "host":
		a.Host, err = v.TextLike(like.Host)
	case "software":
		a.Software, err = v.TextLike(like.Software)
	case "key_id":
		a.KeyID, err = v.TextLike(like.KeyID)
	case "members_sha256":
		a.MembersSHA256, err = v.TextLike(like.MembersSHA256)
	default:
		err = setNumber(a, key, v)
	}
	return err
}

func setNumber(a *Archive, key string, v flat.Value) error {
	n, err := v.Int()
	switch key {
	case "file":
		a.File = n
	case "manifest_file":
		a.ManifestFile = n
	case "size_bytes":
		a.SizeBytes = n
	case "blocks":
		a.Blocks = n
	case "block_size_bytes":
		a.BlockSizeBytes = int(n)
	case "first_block":
		a.FirstBlock = n
	case "members":
		a.Members = n
	case "source_errors":
		a.SourceErrors = n
	case "members_bytes":
		a.MembersBytes = n
	}
	return err
}

// checkArchive looks at what would mislead a reader of the catalog. Whether all of it can be so is
// checked when the archive is read.
func checkArchive(a *Archive) error {
	switch {
	case a.File < 1 || a.ManifestFile != 0 && a.ManifestFile <= a.File:
		return fmt.Errorf("file %d with manifest file %d", a.File, a.ManifestFile)
	case a.SizeBytes < 0 || a.Blocks < 0 || a.BlockSizeBytes < 1 || a.FirstBlock < 1 || a.Members < 0:
		return errors.New("a number out of range")
	}
	return nil
}

// readArchives reads the lines of path. A last line without newline is one that a crash has torn:
// its archive was never reported as recorded. Of two lines for one tape file the later counts.
func readArchives(path, volume string) ([]Archive, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]Archive, 0, bytes.Count(data, []byte("\n")))
	var like Archive
	sorted := true
	for n := 1; ; n++ {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			break
		}
		a, err := parseLine(line, &like)
		if err == nil && a.Volume != volume {
			err = fmt.Errorf("it belongs to volume %q", a.Volume)
		}
		if err != nil {
			return nil, errcode.New(errcode.StateInvalid, fmt.Sprintf("%s:%d", path, n), "%w", err)
		}
		sorted = sorted && a.File > like.File
		list, like, data = append(list, a), a, rest
	}
	if !sorted {
		list = latest(list)
	}
	return list, nil
}

// latest keeps the last of the archives of each tape file and sorts them.
func latest(list []Archive) []Archive {
	list = slices.Clone(list)
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b Archive) int { return int(a.File - b.File) })
	return slices.CompactFunc(list, func(a, b Archive) bool { return a.File == b.File })
}

// Archives gives the archives of a volume in the order of the tape; errcode.StateInvalid names the
// file and line of one that is damaged.
func (s *Store) Archives(volume string) ([]Archive, error) {
	if err := CheckVolume(volume); err != nil {
		return nil, err
	}
	return readArchives(s.archivesPath(volume), volume)
}

// Archive gives the archive in one tape file; errcode.ArchiveNotFound when there is none.
func (s *Store) Archive(volume string, file int64) (*Archive, error) {
	list, err := s.Archives(volume)
	if err != nil {
		return nil, err
	}
	i, ok := slices.BinarySearchFunc(list, file, func(a Archive, f int64) int { return int(a.File - f) })
	if !ok {
		return nil, errcode.New(errcode.ArchiveNotFound, volume, "the catalog has no archive in tape file %d", file)
	}
	return &list[i], nil
}
