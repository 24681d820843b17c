package proc

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// maxCommandLine is the longest command line shown, in bytes: enough to know a command again.
const maxCommandLine = 200

// secretFlag matches flags whose value would be a secret. calypso has none by contract (secrets
// come from files, descriptors and prompts); this stands against the one that is mistyped.
var secretFlag = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^--?[a-z-]*(password|passwd|passphrase|secret|token)$`)
})

// CommandLine shows argv to a person: the program without its directory, arguments quoted where
// they hold blanks or control characters, values of secret flags as "***", at most 200 bytes.
func CommandLine(argv []string) string {
	shown := Redact(argv)
	for i, arg := range shown {
		if i == 0 {
			arg = filepath.Base(arg)
		}
		shown[i] = quote(arg)
	}
	return Shorten(strings.Join(shown, " "), maxCommandLine)
}

// Redact copies argv with the values of secret flags replaced by "***".
func Redact(argv []string) []string {
	shown := make([]string, len(argv))
	hide := false
	for i, arg := range argv {
		flag, _, inline := strings.Cut(arg, "=")
		secret := secretFlag().MatchString(flag)
		switch {
		case hide:
			arg = "***"
		case secret && inline:
			arg = flag + "=***"
		}
		hide = !hide && secret && !inline
		shown[i] = arg
	}
	return shown
}

func quote(arg string) string {
	odd := func(r rune) bool {
		return r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`"'\`, r)
	}
	if arg == "" || strings.ContainsFunc(arg, odd) {
		return strconv.Quote(arg)
	}
	return arg
}

// Shorten cuts text to at most max bytes, at a character and with "..." where it was cut.
func Shorten(text string, max int) string {
	if len(text) <= max {
		return text
	}
	cut := max - len("...")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}
