package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"calypso/tape/archive/flat"
	"calypso/tape/archive/pax"
)

// MemberList is the list of an archive's members, JSON lines in a temporary file without a name: a
// kill leaves nothing behind.
type MemberList struct {
	file   *os.File
	Count  int64
	Bytes  int64
	SHA256 string
}

// Open gives the list from its beginning; each call its own reader.
func (l *MemberList) Open() io.ReadCloser {
	return io.NopCloser(io.NewSectionReader(l.file, 0, l.Bytes))
}

// Reader is Open for who takes nil for no list: a nil list gives one.
func (l *MemberList) Reader() io.Reader {
	if l == nil {
		return nil
	}
	return l.Open()
}

// Close gives the disk space back. A nil list can be closed.
func (l *MemberList) Close() error {
	if l == nil || l.file == nil {
		return nil
	}
	return l.file.Close()
}

// namelessFile makes a temporary file in dir that never has a name, or loses it at once where the file
// system cannot do that.
func namelessFile(dir string) (*os.File, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	if f, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600); err == nil {
		return f, nil
	}
	f, err := os.CreateTemp(dir, ".members-*")
	if err != nil {
		return nil, fmt.Errorf("member list: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("member list: %w", err)
	}
	return f, nil
}

// spool collects the member list while the archive is written. It is fed by the source's goroutine
// and sealed by the writer's, perhaps while the source still hangs in a read.
type spool struct {
	mu     sync.Mutex
	file   *os.File
	out    *bufio.Writer
	sum    hash.Hash
	line   flat.Object
	bytes  int64
	count  int64
	marks  []spoolMark
	sealed bool
}

// spoolMark says where in the list the members begin that end behind a byte of the archive.
type spoolMark struct {
	archiveEnd, bytes, count int64
}

const spoolMarkBytes = 64 << 10 // list bytes between marks

func newSpool(dir string) (*spool, error) {
	f, err := namelessFile(dir)
	if err != nil {
		return nil, err
	}
	return &spool{file: f, out: bufio.NewWriterSize(f, 64<<10), sum: sha256.New()}, nil
}

func (s *spool) add(m pax.Member) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed {
		return errRingClosed
	}
	line := appendMember(&s.line, &m)
	if _, err := s.out.Write(line); err != nil {
		return fmt.Errorf("member list: %w", err)
	}
	s.sum.Write(line)
	s.bytes += int64(len(line))
	s.count++
	if n := len(s.marks); n == 0 || s.bytes-s.marks[n-1].bytes >= spoolMarkBytes {
		s.marks = append(s.marks, spoolMark{m.Offset + m.Length, s.bytes, s.count})
	}
	return nil
}

func (s *spool) counts() (members, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, s.bytes
}

// seal ends the list. With size not negative, only the members that are whole in the first size
// bytes of the archive stay in it.
func (s *spool) seal(size int64) (*MemberList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = true
	if err := s.out.Flush(); err != nil {
		return nil, fmt.Errorf("member list: %w", err)
	}
	if size >= 0 {
		if err := s.cut(size); err != nil {
			return nil, fmt.Errorf("member list: %w", err)
		}
	}
	return &MemberList{file: s.file, Count: s.count, Bytes: s.bytes, SHA256: hex.EncodeToString(s.sum.Sum(nil))}, nil
}

// cut drops the members that end behind size. Only lines behind the last mark before it are parsed.
func (s *spool) cut(size int64) error {
	var from spoolMark
	for _, m := range s.marks {
		if m.archiveEnd <= size {
			from = m
		}
	}
	lines := bufio.NewReaderSize(io.NewSectionReader(s.file, from.bytes, s.bytes-from.bytes), 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		m, err := ParseMember(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			return err
		}
		if m.Offset+m.Length > size {
			break
		}
		from.bytes += int64(len(line))
		from.count++
	}
	s.bytes, s.count = from.bytes, from.count
	s.sum.Reset()
	_, err := io.Copy(s.sum, io.NewSectionReader(s.file, 0, s.bytes))
	return err
}

func (s *spool) close() error { return s.file.Close() }
