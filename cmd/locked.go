package cmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"calypso/sys/errcode"
	"calypso/tape/archive"
	"calypso/tape/catalog"
)

// lockedDoc is a tape file that is encrypted and whose key is not at hand.
type lockedDoc struct {
	File  int64         `json:"file"`
	KeyID *string       `json:"key_id"`
	Error *itemErrorDoc `json:"error"`
}

// encrypted says which archives are encrypted, and with what.
func (p *page) encrypted(doc listDoc) {
	known := map[string][]int64{}
	for _, a := range doc.Archives {
		if a.KeyID != nil {
			known[*a.KeyID] = append(known[*a.KeyID], a.File)
		}
	}
	for _, id := range sortedKeys(known) {
		p.line("encrypted with key %s: file %s", id, fileNumbers(known[id]))
	}
	unread := map[string][]int64{}
	for _, f := range doc.Locked {
		id := cell(f.KeyID)
		unread[id] = append(unread[id], f.File)
	}
	for _, id := range sortedKeys(unread) {
		p.line("encrypted with key %s, not at hand: tape file %s, archives and manifests", id, fileNumbers(unread[id]))
	}
}

func sortedKeys(m map[string][]int64) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// fileNumbers lists numbers, runs of them as "3 to 7".
func fileNumbers(list []int64) string {
	var parts []string
	for i := 0; i < len(list); {
		end := i
		for end+1 < len(list) && list[end+1] == list[end]+1 {
			end++
		}
		part := fmt.Sprint(list[i])
		if end > i {
			part = fmt.Sprintf("%d to %d", list[i], list[end])
		}
		parts, i = append(parts, part), end+1
	}
	return strings.Join(parts, ", ")
}

// lockedError says that what was looked for may be in an archive that cannot be read.
func lockedError(volume string, list []archive.LockedFile) error {
	ids := map[string][]int64{}
	for _, f := range list {
		ids[cell(orNull(f.KeyID))] = append(ids[cell(orNull(f.KeyID))], f.File)
	}
	return errcode.New(errcode.KeyNeeded, volume, "what can be read does not have it, and %s encrypted with keys that are not at hand: %s",
		counted(len(list), "tape file"), strings.Join(sortedKeys(ids), ", "))
}

// unread is an error when the tape has encrypted archives that neither it nor the catalog could tell of.
func (s *scan) unread() error {
	if len(s.locked) == 0 {
		return nil
	}
	ids := map[string][]int64{}
	for _, f := range s.locked {
		ids[cell(orNull(f.KeyID))] = nil
	}
	return errcode.New(errcode.Partial, s.label.Volume, "%s encrypted with keys that are not at hand: %s",
		counted(len(s.locked), "tape file"), strings.Join(sortedKeys(ids), ", ")).
		WithHint("'calypso key import' adds a key; then scan again")
}

// keepUnread keeps what the catalog knows of archives whose manifest cannot be read, for want of the key or
// because it is damaged: the catalog may be the only one left that can tell whether their bytes are right.
func (s *scan) keepUnread(store *catalog.Store, c catalog.Cartridge, keep func(catalog.Archive, io.Reader) error) error {
	if len(s.locked) == 0 && len(s.damaged) == 0 {
		return nil
	}
	old, err := store.Get(c.Volume)
	if errcode.Of(err) == errcode.MediaNotFound || err == nil && old.UUID != c.UUID {
		return nil
	}
	if err != nil {
		return err
	}
	list, err := store.Archives(c.Volume)
	if err != nil {
		return err
	}
	for _, a := range list {
		if !s.isLocked(a) && !s.lostManifest(a) {
			continue
		}
		if err := s.keep(store, a, keep); err != nil {
			return err
		}
	}
	s.keepAnnounced(old.Writing)
	slices.SortFunc(s.archives, func(a, b catalog.Archive) int { return cmp.Compare(a.File, b.File) })
	return nil
}

// isLocked tells whether the archive of the catalog is one of the files that could not be read.
func (s *scan) isLocked(a catalog.Archive) bool {
	return slices.ContainsFunc(s.locked, func(f archive.LockedFile) bool { return f.File == a.File && f.FirstBlock == a.FirstBlock })
}

// lostManifest tells whether the archive of the catalog is on the tape as it was, and its manifest damaged.
func (s *scan) lostManifest(a catalog.Archive) bool {
	return s.isDamaged(a.ManifestFile) && slices.ContainsFunc(s.torn, func(f archive.TornFile) bool {
		return f.File == a.File && f.FirstBlock == a.FirstBlock && f.Blocks == a.Blocks
	})
}

func (s *scan) isDamaged(file int64) bool {
	return slices.ContainsFunc(s.damaged, func(d archive.DamagedFile) bool { return d.File == file })
}

func (s *scan) keep(store *catalog.Store, a catalog.Archive, keep func(catalog.Archive, io.Reader) error) error {
	s.archives = append(s.archives, a)
	s.torn = slices.DeleteFunc(s.torn, func(f archive.TornFile) bool { return f.File == a.File })
	s.locked = slices.DeleteFunc(s.locked, func(f archive.LockedFile) bool { return f.File == a.File || f.File == a.ManifestFile })
	if keep == nil {
		return nil
	}
	if a.MembersSHA256 == "" {
		return keep(a, nil)
	}
	members, err := store.OpenMembers(&a)
	if err != nil {
		return keep(a, nil) // the list is lost, the archive is not
	}
	defer members.Close()
	return keep(a, members)
}

// neededKeys is what is known of the files that cannot be read, so that nobody deletes their keys.
func (s *scan) neededKeys() []catalog.LockedFile {
	var list []catalog.LockedFile
	for _, f := range s.locked {
		if f.KeyID != "" {
			list = append(list, catalog.LockedFile{File: f.File, KeyID: f.KeyID})
		}
	}
	return list
}

// keepAnnounced keeps the announcement of an archive whose writer died and that is locked.
func (s *scan) keepAnnounced(w *catalog.InFlight) {
	if w == nil {
		return
	}
	if slices.ContainsFunc(s.locked, func(f archive.LockedFile) bool { return f.File == w.File }) {
		s.writing = w
	}
}

// needKey asks for the key of an archive before the tape is wound to it. A list of members that the
// catalog has needs none.
func (t *openedArchive) needKey(ctx context.Context, o archive.ReadOptions) error {
	if t.manifest == nil || t.manifest.KeyID == "" || o.DryRun && o.MemberList != nil {
		return nil
	}
	return t.drive.keyed.Need(ctx, t.manifest.KeyID)
}
