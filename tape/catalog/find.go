package catalog

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"unicode/utf8"

	"calypso/sys/errcode"
	"calypso/tape/archive"
	"calypso/tape/archive/flat"
	"calypso/tape/archive/pax"
)

// Hit is a member that Find has found.
type Hit struct {
	Archive *Archive
	Member  *pax.Member // valid during the call
}

// Find calls fn for every member of every archive whose path matches the pattern, volume by volume
// in the order of the tapes. As with locate(1), a pattern without any of *?[ is a part of the path;
// one with them is a glob over the whole path whose * and ? match "/" too. Case counts. Sets such as
// [a-z] and [!a-z] list ASCII characters; \ takes the next byte as it is.
//
// A list that cannot be read does not hide the others: Find goes on and ends with
// errcode.Partial, which names it.
func (s *Store) Find(ctx context.Context, pattern string, fn func(Hit) error) error {
	p, err := compile(pattern)
	if err != nil {
		return err
	}
	volumes, err := s.Volumes()
	if err != nil {
		return err
	}
	f := &finder{store: s, pattern: p, fn: fn}
	for _, v := range volumes {
		archives, err := s.Archives(v)
		if errcode.Of(err) == errcode.MediaNotFound {
			continue // forgotten meanwhile
		}
		if err != nil {
			f.unread = append(f.unread, err)
			continue
		}
		for i := range archives {
			if err := f.archive(ctx, &archives[i]); err != nil {
				return err
			}
		}
	}
	return f.verdict()
}

type finder struct {
	store   *Store
	pattern *pattern
	fn      func(Hit) error
	unread  []error
}

// fnError keeps an error of the caller apart from those of the lists.
type fnError struct{ err error }

func (e *fnError) Error() string { return e.err.Error() }
func (e *fnError) Unwrap() error { return e.err }

func (f *finder) archive(ctx context.Context, a *Archive) error {
	if a.Kind != archive.KindTar {
		return nil
	}
	err := f.store.members(ctx, a, f.pattern.mayMatch, func(m *pax.Member) error {
		if !f.pattern.match(m.Path) {
			return nil
		}
		if err := f.fn(Hit{Archive: a, Member: m}); err != nil {
			return &fnError{err}
		}
		return nil
	})
	var own *fnError
	switch {
	case errors.As(err, &own):
		return own.err
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && !(errors.Is(err, fs.ErrNotExist) && a.MembersSHA256 == ""):
		f.unread = append(f.unread, err)
	}
	return nil
}

func (f *finder) verdict() error {
	if len(f.unread) == 0 {
		return nil
	}
	return errcode.New(errcode.Partial, "", "%d member lists could not be read: %w", len(f.unread), errors.Join(f.unread...)).
		WithHint("'calypso lto scan' reads the lists of a cartridge from its tape again")
}

// pattern is a compiled search.
type pattern struct {
	part  string      // what the path must hold, when the pattern is no glob
	glob  []globToken // else
	bytes []byte      // what the line of any match has in it
}

// globToken is one element of a glob: any number of any bytes, a byte of a set, or with char a
// character whose first byte is of the set.
type globToken struct {
	star, char bool
	set        [4]uint64
}

var anyByte = [4]uint64{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}

// take says how many bytes at the beginning of s the token takes; 0: it does not match.
func (t *globToken) take(s string) int {
	switch {
	case t.star || !t.has(s[0]):
		return 0
	case t.char:
		_, n := utf8.DecodeRuneInString(s)
		return n
	}
	return 1
}

func (t *globToken) add(c byte)      { t.set[c>>6] |= 1 << (c & 63) }
func (t *globToken) has(c byte) bool { return t.set[c>>6]&(1<<(c&63)) != 0 }

func compile(text string) (*pattern, error) {
	if text == "" {
		return nil, errcode.New(errcode.Usage, "", "an empty pattern matches everything")
	}
	if !strings.ContainsAny(text, "*?[") {
		return &pattern{part: text, bytes: lineBytes(text)}, nil
	}
	p := &pattern{}
	var literal, longest string
	for rest := text; rest != ""; {
		token, taken, err := nextToken(rest, text)
		if err != nil {
			return nil, err
		}
		if c := rest[0]; taken == 1 && c != '*' && c != '?' {
			literal += string([]byte{c})
		} else {
			literal = ""
		}
		if len(literal) > len(longest) {
			longest = literal
		}
		p.glob, rest = append(p.glob, token), rest[taken:]
	}
	p.bytes = lineBytes(longest)
	return p, nil
}

// nextToken reads the first element of a glob and how many bytes of it that took.
func nextToken(s, whole string) (t globToken, taken int, err error) {
	switch c := s[0]; {
	case c == '*':
		t.star = true
	case c == '?':
		t.set, t.char = anyByte, true
	case c == '[':
		return class(s, whole)
	case c == '\\' && len(s) > 1:
		t.add(s[1])
		return t, 2, nil
	default:
		t.add(c)
	}
	return t, 1, nil
}

// class reads [abc], [a-z] or [!a-z]; a ] that comes first stands for itself.
func class(s, whole string) (t globToken, taken int, err error) {
	i := 1
	not := i < len(s) && (s[i] == '!' || s[i] == '^')
	if not {
		i++
	}
	for first := i; i < len(s) && (s[i] != ']' || i == first); i++ {
		low, high := s[i], s[i]
		if i+2 < len(s) && s[i+1] == '-' && s[i+2] != ']' {
			high = s[i+2]
			i += 2
		}
		for c := int(low); c <= int(high); c++ {
			t.add(byte(c))
		}
	}
	if i >= len(s) {
		return t, 0, errcode.New(errcode.Usage, "", "pattern %q: [ without ]", whole)
	}
	for w := range t.set {
		if not {
			t.set[w], t.char = ^t.set[w], true
		}
	}
	return t, i + 1, nil
}

// lineBytes is how s stands in a line of a member list.
func lineBytes(s string) []byte {
	quoted := flat.AppendString(nil, s)
	return quoted[1 : len(quoted)-1]
}

var hexPath = []byte(`"path_hex":"`)

// mayMatch is a quick look at a line, to spare the decoding of most: a path that JSON can hold
// stands in it as it is.
func (p *pattern) mayMatch(line []byte) bool {
	return bytes.Contains(line, p.bytes) || bytes.Contains(line, hexPath)
}

func (p *pattern) match(path string) bool {
	if p.glob == nil {
		return strings.Contains(path, p.part)
	}
	path = strings.TrimSuffix(path, "/") // a directory is found by its name
	return matchGlob(p.glob, path)
}

// matchGlob goes back to the last star when it is stuck: the time is that of both lengths
// multiplied at worst.
func matchGlob(glob []globToken, s string) bool {
	g, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		taken := 0
		if g < len(glob) {
			taken = glob[g].take(s[i:])
		}
		switch {
		case g < len(glob) && glob[g].star:
			star, from = g, i
			g++
		case taken > 0:
			g++
			i += taken
		case star >= 0:
			from++
			g, i = star+1, from
		default:
			return false
		}
	}
	for g < len(glob) && glob[g].star {
		g++
	}
	return g == len(glob)
}
