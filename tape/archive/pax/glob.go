package pax

import "strings"

// glob is a compiled pattern. It is matched as a nondeterministic automaton whose states are the
// positions between tokens, so that no pattern takes more than length(pattern) steps a byte.
type glob struct {
	literal string // set when the pattern has no special byte: compared as is
	tokens  []token
	dirOnly bool   // the pattern ends in "/"
	rooted  bool   // it begins with "/" or "./": base names are not tried
	here    []bool // scratch: states reached
	next    []bool
}

type tokenKind uint8

const (
	tokenByte    tokenKind = iota
	tokenAny               // ?  one byte but "/"
	tokenStar              // *  any bytes but "/"
	tokenDeep              // ** any bytes
	tokenDirs              // **/ nothing, or anything that ends in "/"
	tokenBracket           // [...] one byte of a set, never "/"
)

type token struct {
	kind tokenKind
	b    byte
	set  *[256]bool
}

// compileGlob never fails: a bracket without its end is an ordinary byte, as in the shell.
func compileGlob(pattern string) *glob {
	g := &glob{dirOnly: strings.HasSuffix(pattern, "/"),
		rooted: strings.HasPrefix(pattern, "/") || strings.HasPrefix(pattern, "./")}
	pattern = cleanPattern(pattern)
	if !strings.ContainsAny(pattern, `*?[\`) {
		g.literal = pattern
		return g
	}
	for i := 0; i < len(pattern); {
		t, n := parseToken(pattern[i:], i == 0 || pattern[i-1] == '/')
		g.tokens = append(g.tokens, t)
		i += n
	}
	g.here = make([]bool, len(g.tokens)+1)
	g.next = make([]bool, len(g.tokens)+1)
	return g
}

func parseToken(p string, atStart bool) (token, int) {
	switch {
	case atStart && strings.HasPrefix(p, "**/"):
		return token{kind: tokenDirs}, 3
	case strings.HasPrefix(p, "**"):
		return token{kind: tokenDeep}, 2
	case p[0] == '*':
		return token{kind: tokenStar}, 1
	case p[0] == '?':
		return token{kind: tokenAny}, 1
	case p[0] == '[':
		if set, n := parseBracket(p); n > 0 {
			return token{kind: tokenBracket, set: set}, n
		}
	case p[0] == '\\' && len(p) > 1:
		return token{b: p[1]}, 2
	}
	return token{b: p[0]}, 1
}

// parseBracket parses [abc], [a-z], [!a-z] and [^a-z]; "]" first in the set is a member. It returns
// 0 when there is no end.
func parseBracket(p string) (*[256]bool, int) {
	i, negate := 1, false
	if i < len(p) && (p[i] == '!' || p[i] == '^') {
		negate = true
		i++
	}
	var set [256]bool
	for first := true; i < len(p) && (first || p[i] != ']'); first = false {
		lo := p[i]
		if lo == '\\' && i+1 < len(p) {
			i++
			lo = p[i]
		}
		hi := lo
		if i+2 < len(p) && p[i+1] == '-' && p[i+2] != ']' {
			hi = p[i+2]
			i += 2
		}
		for c := int(lo); c <= int(hi); c++ {
			set[c] = true
		}
		i++
	}
	if i >= len(p) {
		return nil, 0
	}
	if negate {
		for c := range set {
			set[c] = !set[c]
		}
	}
	set['/'] = false
	return &set, i + 1
}

// match applies the rule of Selection: the whole member path (no slash at its end) or its base name.
func (g *glob) match(path, base string, isDir bool) bool {
	if g.dirOnly && !isDir {
		return false
	}
	tryBase := !g.rooted && len(base) != len(path)
	if g.tokens == nil {
		return g.literal == path || tryBase && g.literal == base
	}
	return g.run(path) || tryBase && g.run(base)
}

func (g *glob) run(s string) bool {
	clear(g.here)
	g.reach(g.here, 0, true)
	for i := 0; i < len(s); i++ {
		clear(g.next)
		alive := false
		for state, on := range g.here[:len(g.tokens)] {
			if on && g.step(state, s[i]) {
				alive = true
			}
		}
		if !alive {
			return false
		}
		g.here, g.next = g.next, g.here
	}
	return g.here[len(g.tokens)]
}

// reach turns on state and every state after it that needs no byte. A "**/" may be skipped only
// where it starts: once it took a byte it must end at a "/".
func (g *glob) reach(states []bool, state int, fresh bool) {
	for !states[state] {
		states[state] = true
		if state == len(g.tokens) {
			return
		}
		switch g.tokens[state].kind {
		case tokenStar, tokenDeep:
			state++
		case tokenDirs:
			if !fresh {
				return
			}
			state++
		default:
			return
		}
		fresh = true
	}
}

// step takes byte c in state, turning on what follows. It reports whether anything did.
func (g *glob) step(state int, c byte) bool {
	t := &g.tokens[state]
	switch t.kind {
	case tokenByte:
		if c != t.b {
			return false
		}
		g.reach(g.next, state+1, true)
	case tokenAny, tokenBracket:
		if c == '/' || t.set != nil && !t.set[c] {
			return false
		}
		g.reach(g.next, state+1, true)
	case tokenStar:
		if c == '/' {
			return false
		}
		g.reach(g.next, state, true)
	case tokenDeep:
		g.reach(g.next, state, true)
	case tokenDirs:
		g.next[state] = true // stays, without the right to be skipped
		if c == '/' {
			g.reach(g.next, state+1, true)
		}
	}
	return true
}
