package cmd

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// shape is what a command line was resolved to, in words that are easy to compare.
func shape(line []string) string {
	req, err := resolve(testTree(), line)
	if err != nil && !req.help { // help wins
		return "error: " + err.Error()
	}
	words := []string{strings.Join(req.path, " ")}
	for _, g := range req.given {
		words = append(words, "--"+g.flag.name+"="+g.text)
	}
	if req.help {
		words = append(words, "help")
	}
	return strings.Join(append(words, req.args...), "|")
}

func TestResolve(t *testing.T) {
	tests := map[string]string{
		"probe flags -f vtl01:0 a b":         "probe flags|--drive=vtl01:0|a|b",
		"probe flags a -f vtl01:0 b":         "probe flags|--drive=vtl01:0|a|b",
		"probe flags a b -f=vtl01:0":         "probe flags|--drive=vtl01:0|a|b",
		"probe flags -fvtl01:0":              "probe flags|--drive=vtl01:0",
		"-q probe -f x flags":                "probe flags|--quiet=true|--drive=x",
		"probe flags -anqf x":                "probe flags|--all=true|--dry-run=true|--quiet=true|--drive=x",
		"probe flags -n=false":               "probe flags|--dry-run=false",
		"probe flags -- -n -h":               "probe flags|-n|-h",
		"probe flags - -n":                   "probe flags|--dry-run=true|-",
		"probe flags -nh":                    "probe flags|--dry-run=true|help",
		"probe flags --drive -5":             "probe flags|--drive=-5",
		"probe flags --drive - x":            "probe flags|--drive=-|x",
		"probe flags --drive --":             `error: flag --drive needs a value (DEVICE)`,
		"probe flags --drive --json":         `error: flag --drive needs a value (DEVICE)`,
		"probe flags --drive --json=true":    `error: flag --drive needs a value (DEVICE)`,
		"probe flags -f -s 5":                `error: flag -f needs a value (DEVICE)`,
		"probe flags --drive=--json":         "probe flags|--drive=--json",
		"probe flags --tag x --tag y":        "probe flags|--tag=x|--tag=y",
		"probe flags --dry":                  `error: unknown flag --dry`,
		"probe flags --dry-run=yes":          `error: --dry-run: "yes" is neither true nor false`,
		"probe flags ---json":                `error: unknown flag ---json`,
		"probe flags -nz":                    `error: unknown flag -z`,
		"probe deep":                         `error: a command is missing`,
		"probe deep verb h help":             "probe deep verb|h|help",
		"probe change":                       `error: NAME is missing`,
		"probe change a b":                   `error: unexpected argument "b"`,
		"help probe":                         "probe|help",
		"probe help":                         `error: unknown command "help"`,
		"--version":                          "version",
		"probe change x --version":           `error: unknown flag --version`,
		"nonsense --help":                    `error: unknown command "nonsense"`,
		"help probe nonsense":                `error: unknown command "nonsense"`,
		"--help probe nonsense flags":        `error: unknown command "nonsense"`,
		"probe flags --nonsense -h":          "probe flags|help",
		"":                                   `error: a command is missing`,
		"--":                                 `error: a command is missing`,
		"probe -- flags -n":                  "probe flags|-n",
		"probe change x --confirm= --yes":    "probe change|--confirm=|--yes=true|x",
		"probe change x --lock-timeout 5":    `error: --lock-timeout: "5" is not a duration such as 90s, 5m, 1h30m or 2d`,
		"probe flags --slot=1 --slot 010 -s": `error: --slot: "010" has a leading zero; write it in decimal without`,
	}
	for line, want := range tests {
		if got := shape(strings.Fields(line)); strings.TrimPrefix(got, "|") != want {
			t.Errorf("resolve(%q) = %s; want %s", line, got, want)
		}
	}
}

// Wherever the flags stand among the arguments, the verb gets the same.
func TestResolveDoesNotMindTheOrder(t *testing.T) {
	flags := [][]string{{"-f", "vtl01:0"}, {"--dry-run"}, {"--slot=3"}, {"-q"}, {"--json"}}
	want := []string{"--drive=vtl01:0", "--dry-run=true", "--slot=3", "--quiet=true", "--json=true"}
	rapid.Check(t, func(t *rapid.T) {
		pieces := append(slices.Clone(flags), []string{"a"}, []string{"b"})
		pieces = rapid.Permutation(pieces).Draw(t, "order")
		cut := rapid.IntRange(0, 2).Draw(t, "before the verb")
		var before, after []string
		for _, p := range pieces {
			if strings.HasPrefix(p[0], "-") && cut > 0 {
				before = append(before, p...)
				cut--
				continue
			}
			after = append(after, p...)
		}
		line := append(append([]string{"probe"}, before...), append([]string{"flags"}, after...)...)
		req, err := resolve(testTree(), line)
		if err != nil {
			t.Fatalf("resolve(%q): %v", line, err)
		}
		var got []string
		for _, g := range req.given {
			got = append(got, "--"+g.flag.name+"="+g.text)
		}
		slices.Sort(got)
		sorted := slices.Sorted(slices.Values(want))
		slices.Sort(req.args)
		if diff := cmp.Diff(sorted, got); diff != "" || !slices.Equal(req.args, []string{"a", "b"}) {
			t.Fatalf("resolve(%q): args %q, flags %s", line, req.args, diff)
		}
	})
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"probe flags -f x", "--json\x00--", "help help", "-\x00--=\x00-=", "probe\x00-f\x00-f\x00-f"} {
		f.Add(s)
	}
	top := testTree()
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.FieldsFunc(line, func(r rune) bool { return r == 0 || r == ' ' })
		req, err := resolve(top, words)
		if err == nil && !req.help && req.cmd.isGroup() {
			t.Errorf("resolve(%q) found no verb and no error", words)
		}
		if err == nil && !req.help && slices.Contains(words, "--dry-run") && !slices.Contains(words, "--") && !gives(req, "dry-run") {
			t.Errorf("resolve(%q) lost --dry-run", words)
		}
	})
}

func gives(req *request, name string) bool {
	return slices.ContainsFunc(req.given, func(g given) bool { return g.flag.name == name })
}

func TestNearest(t *testing.T) {
	candidates := []string{"status", "scan", "write", "verify", "--dry-run", "--json"}
	for word, want := range map[string]string{"statsu": "status", "sta": "status", "wirte": "write", "xyz": "", "--dryrun": "--dry-run", "--jsn": "--json", "w": "", "": ""} {
		if got := nearest(word, candidates); got != want {
			t.Errorf("nearest(%q) = %q; want %q", word, got, want)
		}
	}
}

func TestCallNames(t *testing.T) {
	top := testTree()
	for name, want := range map[string]string{
		"calypso": "x", "/usr/sbin/calypso-audit": "audit|x", "calypso-version": "version|x", "calypso-none": "x", "audit": "x", "time": "x", "calypso-1.2": "x",
	} {
		if got := strings.Join(callNames(top, []string{name, "x"}), "|"); got != want {
			t.Errorf("callNames(%q) = %s; want %s", name, got, want)
		}
	}
	if got := callNames(top, nil); len(got) != 0 {
		t.Errorf("callNames(nil) = %q; want none", got)
	}
}

func TestCommandLine(t *testing.T) {
	got := commandLine([]string{"calypso", "lto", "a b", "it's", "", "--", "-rf"}, []string{"--yes"})
	if want := `calypso lto 'a b' 'it'\''s' '' --yes -- -rf`; got != want {
		t.Errorf("commandLine = %s; want %s", got, want)
	}
}
