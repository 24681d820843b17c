package archive

import (
	"errors"
	"fmt"
	"io"

	"calypso/tape/archive/pax"
)

// planSubset finds the stretches of the members that are wanted, in the order of the tape. Members
// beside each other are one stretch.
func (r *reader) planSubset() ([]stretch, *memberCheck, error) {
	match := pax.NewMatcher(r.o.Members)
	parts, err := r.wanted(match)
	if err == nil && match.Settle() {
		parts, err = r.wanted(match)
	}
	if err != nil {
		return nil, nil, err
	}
	if missing := match.Missing(); len(missing) > 0 {
		return nil, nil, notFound(r.file, missing)
	}
	if len(parts) == 0 {
		return nil, nil, notFound(r.file, r.o.Members)
	}
	if last := parts[len(parts)-1]; last.offset+last.length > r.manifest.SizeBytes {
		return nil, nil, damagedList(*r.manifest, fmt.Errorf("a member ends behind the archive's %d bytes", r.manifest.SizeBytes))
	}
	check, err := newMemberCheck(r.list, match)
	return parts, check, err
}

// wanted goes through the member list once.
func (r *reader) wanted(match *pax.Matcher) ([]stretch, error) {
	check, err := newMemberCheck(r.list, match)
	if err != nil {
		return nil, err
	}
	defer check.close()
	var parts []stretch
	for check.next() {
		m := check.scan.Member()
		if n := len(parts); n > 0 && parts[n-1].offset+parts[n-1].length == m.Offset {
			parts[n-1].length += m.Length
			continue
		}
		parts = append(parts, stretch{m.Offset, m.Length})
	}
	if err := check.scan.Err(); err != nil {
		return nil, damagedList(*r.manifest, err)
	}
	return parts, nil
}

// memberCheck compares the members that are read with the member list, in step: both are in the
// order of the archive.
type memberCheck struct {
	list  io.ReadCloser
	scan  *MemberScanner
	match *pax.Matcher // nil: every member is read
	at    int64        // where the current member begins in the stream that is read
	shift int64        // what to add to get to its place in the archive
	open  bool         // the current member was not compared yet
	// length is the current member's.
	length int64
	// missing are members that were not compared: each must be explained by a problem.
	missing []string
}

// maxMissing bounds the members that an archive may lack before it is called damaged anyway.
const maxMissing = 10000

func newMemberCheck(list func() (io.ReadCloser, error), match *pax.Matcher) (*memberCheck, error) {
	r, err := list()
	if err != nil {
		return nil, err
	}
	return &memberCheck{list: r, scan: NewMemberScanner(r), match: match}, nil
}

func (c *memberCheck) close() {
	if c != nil {
		_ = c.list.Close()
	}
}

// next goes to the next member that is wanted.
func (c *memberCheck) next() bool {
	c.at += c.length
	c.length = 0
	for c.scan.Next() {
		m := c.scan.Member()
		if c.match == nil || c.match.Match(m.Path) {
			c.length, c.shift = m.Length, m.Offset-c.at
			return true
		}
	}
	return false
}

// verify compares a member that was read, whose Offset is its place in the stream that is read.
func (c *memberCheck) verify(m pax.Member) error {
	for !c.open || c.at < m.Offset {
		if c.open {
			c.missing = append(c.missing, c.scan.Member().Path)
		}
		if c.open = c.next(); !c.open {
			return c.notListed(m)
		}
	}
	want := c.scan.Member()
	switch {
	case c.at != m.Offset:
		return c.notListed(m)
	case want.Length != m.Length || want.SHA256 != m.SHA256:
		c.open = false
		return errors.New("its bytes are not those that were written")
	}
	c.open = false
	return nil
}

func (c *memberCheck) notListed(m pax.Member) error {
	if err := c.scan.Err(); err != nil {
		return fmt.Errorf("member list: %w", err)
	}
	return fmt.Errorf("it is at byte %d, where the member list has none", m.Offset)
}

// missed tells whether members are missing in what was read that no problem explains.
func (c *memberCheck) missed(problems []pax.Problem) error {
	if c.open {
		c.missing = append(c.missing, c.scan.Member().Path)
	}
	for len(c.missing) < maxMissing && c.next() {
		c.missing = append(c.missing, c.scan.Member().Path)
	}
	explained := make(map[string]bool, len(problems))
	for _, p := range problems {
		explained[p.Path] = true
	}
	for _, path := range c.missing {
		if !explained[path] {
			return fmt.Errorf("member %q was not where the member list has it", path)
		}
	}
	return c.scan.Err()
}
