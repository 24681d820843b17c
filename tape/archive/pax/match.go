package pax

import (
	"path"
	"slices"
	"strings"
)

// Match reports whether a restore of members takes the member of that path. An empty list takes
// all. A name takes the member of exactly that path and, when that is a directory, all beneath it. A
// name holding any of `*?[\` that is no such path is also tried as a glob, by the rules of Selection,
// against the path, its base name and every directory that leads to it. Only who has seen all paths knows
// that it is none: see Settle.
func Match(members []string, path string) bool {
	return NewMatcher(members).Match(path)
}

// Matcher is a compiled list of members to restore. It remembers which of them were found.
type Matcher struct {
	all      bool
	order    []string       // as given
	literals map[string]int // cleaned name -> index in order
	globs    []memberGlob
	found    []bool
	exact    []bool // found as the name that it is
}

type memberGlob struct {
	*glob
	index int
}

// NewMatcher compiles members for many calls of Match.
func NewMatcher(members []string) *Matcher {
	m := &Matcher{all: len(members) == 0, order: members,
		literals: make(map[string]int, len(members)), found: make([]bool, len(members)), exact: make([]bool, len(members))}
	for i, name := range members {
		m.literals[cleanPattern(name)] = i
		if strings.ContainsAny(name, `*?[\`) {
			m.globs = append(m.globs, memberGlob{compileGlob(name), i})
		}
	}
	return m
}

// Match reports whether the member of that path is taken.
func (m *Matcher) Match(path string) bool {
	if m.all {
		return true
	}
	return m.matchLiteral(path) || m.matchGlobs(path)
}

// Settle is called when all paths were seen: names that were found as they are stand for nothing else, whatever
// they look like. It tells whether another round of Match would give less.
func (m *Matcher) Settle() bool {
	before := len(m.globs)
	m.globs = slices.DeleteFunc(m.globs, func(g memberGlob) bool { return m.exact[m.literals[cleanPattern(m.order[g.index])]] })
	return len(m.globs) < before
}

// Missing gives the names that no path matched so far, in the order they were given.
func (m *Matcher) Missing() []string {
	var missing []string
	for i, name := range m.order {
		// Two spellings of one name share an index: the map tells which one was marked.
		if !m.found[i] && !m.found[m.literals[cleanPattern(name)]] {
			missing = append(missing, name)
		}
	}
	return missing
}

func (m *Matcher) matchLiteral(name string) bool {
	name = cleanPattern(name)
	for {
		if i, ok := m.literals[name]; ok {
			m.found[i], m.exact[i] = true, true
			return true
		}
		slash := strings.LastIndexByte(name, '/')
		if slash < 0 {
			break
		}
		name = name[:slash]
	}
	i, ok := m.literals["."] // the whole tree was asked for by its name
	if ok {
		m.found[i] = true
	}
	return ok
}

func (m *Matcher) matchGlobs(name string) bool {
	if len(m.globs) == 0 {
		return false
	}
	isDir := strings.HasSuffix(name, "/")
	name = cleanPattern(name)
	for {
		for _, g := range m.globs {
			if g.match(name, path.Base(name), isDir) {
				m.found[g.index] = true
				return true
			}
		}
		slash := strings.LastIndexByte(name, '/')
		if slash < 0 {
			return false
		}
		name, isDir = name[:slash], true
	}
}

// cleanPattern drops what member paths never have in front, and the slash that ends directories.
func cleanPattern(p string) string {
	for {
		switch {
		case strings.HasPrefix(p, "/"):
			p = p[1:]
		case strings.HasPrefix(p, "./"):
			p = p[2:]
		default:
			p = strings.TrimRight(p, "/")
			if p == "" {
				return "."
			}
			return p
		}
	}
}
