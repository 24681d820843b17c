package pax

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
)

// Extract restores the members of an archive that o selects beneath the directory dest. It reads r
// to its end.
//
// Nothing is written outside dest, whatever the archive says and whoever changes the tree meanwhile:
// absolute names and names with ".." are refused, symbolic links inside dest are never followed.
// Each file is written under a temporary name in its directory, checked by o.Verify, given its owner,
// mode, attributes and times, and only then renamed into place. Files in the way are replaced,
// directories that are not empty are kept. Directories get their own metadata at the end; until then
// their owner may write to them, even to one that was there and closed.
// Permissions are restored exactly, whatever the umask is; set-id bits only with their owner.
//
// What is wrong with one member is in the report. The error is that of r, of a damaged or truncated
// archive (errcode.ArchiveDamaged, ArchiveNotTar), of a full or failing destination, of ctx or of
// o.OnMember. No temporary files stay behind, and members completed before it do.
//
// Memory: constant, but for some 16 bytes for each member that a later hard link may name and the
// metadata of directories.
func Extract(ctx context.Context, r io.Reader, dest string, o ExtractOptions) (Report, error) {
	x := &extractor{o: o, archive: newReader(r), match: NewMatcher(o.Members), owners: newOwners(),
		own: o.SameOwner || os.Geteuid() == 0, done: map[uint64]struct{}{}, seed: maphash.MakeSeed(), dirs: map[string]*attributes{}}
	if !o.DryRun {
		t, err := openTree(dest)
		if err != nil {
			return Report{}, errcode.New(errcode.DestinationInvalid, dest, "open: %w", err)
		}
		defer t.close()
		x.tree = t
	}
	err := x.run(ctx)
	x.finishDirectories()
	x.report.Bytes = x.archive.tap.offset
	if err == nil {
		x.reportMissing()
	}
	return x.report, err
}

type extractor struct {
	o       ExtractOptions
	tree    *tree // nil in a dry run
	archive *reader
	match   *Matcher
	owners  *owners
	own     bool // set owners
	report  Report
	seed    maphash.Seed
	done    map[uint64]struct{}    // hashes of the paths extracted: what hard links may name
	dirs    map[string]*attributes // metadata of directories, set at the end
}

func (x *extractor) run(ctx context.Context) error {
	for {
		m, err := x.archive.next(ctx)
		if errors.Is(err, io.EOF) {
			return x.archive.drain(ctx)
		}
		if err != nil {
			return err
		}
		if !x.match.Match(m.Path) {
			continue
		}
		if err := x.settle(m, x.member(ctx, m)); err != nil {
			return err
		}
	}
}

// settle makes what is wrong with one member a problem and gives what ends the extraction.
func (x *extractor) settle(m *member, err error) error {
	var f *failure
	var full *destinationError
	switch {
	case errors.As(err, &f):
		x.problem(m, f.kind, f.err)
		return nil
	case errors.As(err, &full):
		full.path = m.Path
	}
	return err
}

func (x *extractor) problem(m *member, kind string, err error) {
	x.report.Problems = append(x.report.Problems, Problem{m.Path, kind, err})
}

func (x *extractor) reportMissing() {
	for _, name := range x.match.Missing() {
		x.report.Problems = append(x.report.Problems,
			Problem{name, KindNotFound, errors.New("no such member in the archive")})
	}
}

// member extracts one member: a *failure is its problem alone.
func (x *extractor) member(ctx context.Context, m *member) error {
	parts, err := localParts(m.Path)
	switch {
	case err != nil:
		return &failure{KindUnsafe, err}
	case m.Type == "" && m.header.Typeflag == 'V': // GNU: the archive's own name
		return nil
	case m.Type == "":
		return &failure{KindUnsupported, fmt.Errorf("unknown type of member %q", m.header.Typeflag)}
	case len(parts) == 0 && m.Type != TypeDir:
		return &failure{KindUnsafe, errNotLocal}
	}
	if err := x.restore(ctx, m, parts); err != nil {
		return err
	}
	x.report.Members++
	if x.o.OnMember != nil {
		return x.o.OnMember(m.Member)
	}
	return nil
}

func (x *extractor) restore(ctx context.Context, m *member, parts []string) error {
	if m.Type == TypeFile && !x.o.DryRun {
		if err := x.file(ctx, m, parts); err != nil {
			return err
		}
		x.extracted(parts)
		return nil
	}
	if err := x.verify(ctx, m); err != nil {
		return err
	}
	if m.Type == TypeHardlink {
		if err := x.checkTarget(m); err != nil {
			return err
		}
	}
	if !x.o.DryRun {
		if err := x.place(m, parts); err != nil {
			return err
		}
	}
	if m.Type != TypeDir {
		x.extracted(parts)
	}
	return nil
}

// verify reads the member to its end and asks whether its bytes are the right ones.
func (x *extractor) verify(ctx context.Context, m *member) error {
	if err := x.archive.finish(ctx); err != nil {
		return err
	}
	if x.o.Verify == nil {
		return nil
	}
	if err := x.o.Verify(m.Member); err != nil {
		return &failure{KindDamaged, err}
	}
	return nil
}

// place makes a member that has no data.
func (x *extractor) place(m *member, parts []string) error {
	if m.Type == TypeDir {
		return x.directory(m, parts)
	}
	dir, err := x.tree.open(parts[:len(parts)-1], true)
	if err != nil {
		return err
	}
	name := parts[len(parts)-1]
	switch m.Type {
	case TypeHardlink:
		return x.hardLink(m, parts)
	case TypeSymlink:
		return x.symlink(m, dir, name)
	}
	return x.node(m, dir, name)
}

func (x *extractor) key(parts []string) uint64 {
	return maphash.String(x.seed, strings.Join(parts, "/"))
}

func (x *extractor) extracted(parts []string) { x.done[x.key(parts)] = struct{}{} }

// checkTarget holds the target of a hard link to be a member that this run extracted: whatever else
// lies under that name is not the file the archive means.
func (x *extractor) checkTarget(m *member) error {
	target, err := localParts(m.Link)
	if err != nil || len(target) == 0 {
		return &failure{KindUnsafe, fmt.Errorf("hard link to %q: %w", m.Link, errNotLocal)}
	}
	if _, ok := x.done[x.key(target)]; !ok {
		return &failure{KindLinkTarget, fmt.Errorf("hard link to %q, which was not extracted; extract it too", m.Link)}
	}
	return nil
}

// directory makes a directory, or takes one that is there; what else is there is replaced.
func (x *extractor) directory(m *member, parts []string) error {
	if len(parts) > 0 {
		if err := x.makeDirectory(parts); err != nil {
			return err
		}
	}
	dir, err := x.tree.open(parts, false)
	if err != nil {
		return err
	}
	letIn(dir.fd)
	x.dirs[strings.Join(parts, "/")] = x.attributes(m)
	return nil
}

func (x *extractor) makeDirectory(parts []string) error {
	dir, err := x.tree.open(parts[:len(parts)-1], true)
	if err != nil {
		return err
	}
	name := parts[len(parts)-1]
	// Its final mode is set at the end: it may keep the files beneath it from being written.
	err = unix.Mkdirat(dir.fd, name, 0o700)
	if !errors.Is(err, unix.EEXIST) {
		return wrapFailed("make directory", err)
	}
	var st unix.Stat_t
	if err := statAt(dir.fd, name, &st); err != nil {
		return wrapFailed("make directory", err)
	}
	if fileType(st.Mode) == unix.DT_DIR {
		return nil
	}
	if err := unix.Unlinkat(dir.fd, name, 0); err != nil {
		return wrapFailed("remove what is in the way", err)
	}
	return wrapFailed("make directory", unix.Mkdirat(dir.fd, name, 0o700))
}

func wrapFailed(op string, err error) error {
	if err == nil {
		return nil
	}
	return failed(fmt.Errorf("%s: %w", op, err))
}
