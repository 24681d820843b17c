// Package transcript reads recorded calls of tools, for tests: a file is "$ command", "--- stdout" and the
// output, "--- stderr" and what it complained of when it did, "--- exit N". "--- no newline" after an output
// says that its last line had no end.
//
// Limits: a command with a shell's operators in it (a pipe, a redirection) has the argv of that shell,
// sh -c COMMAND, and so is the answer to no call of ours.
package transcript

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"calypso/sys/run"
)

// Read reads files, an exchange each.
func Read(paths ...string) ([]run.Exchange, error) {
	var list []run.Exchange
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		e, err := Parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, e)
	}
	return list, nil
}

// Parse reads the text of one file.
func Parse(text string) (run.Exchange, error) {
	head, rest, ok := strings.Cut(text, "\n--- stdout\n")
	command, isCommand := strings.CutPrefix(head, "$ ")
	if !ok || !isCommand {
		return run.Exchange{}, fmt.Errorf("not a transcript: want $ COMMAND, then --- stdout")
	}
	e := run.Exchange{Argv: argv(command), ExitCode: -1}
	into := &e.Stdout
	for line := range strings.Lines(rest) {
		switch mark := strings.TrimSuffix(line, "\n"); {
		case mark == "--- stderr":
			into = &e.Stderr
		case mark == "--- no newline":
			*into = strings.TrimSuffix(*into, "\n")
		case strings.HasPrefix(mark, "--- exit "):
			n, err := strconv.Atoi(mark[len("--- exit "):])
			if err != nil || n < 0 {
				return run.Exchange{}, fmt.Errorf("not an exit status: %q", mark)
			}
			e.ExitCode = n
			return e, nil
		default:
			*into += line
		}
	}
	return run.Exchange{}, fmt.Errorf("not a transcript: no --- exit N")
}

func argv(command string) []string {
	words, err := Words(command)
	if err != nil || len(words) == 0 {
		return []string{"sh", "-c", command}
	}
	return words
}

// Words parts a command line as a shell does, without expanding anything. Operators of the shell outside
// quotes, and what it would expand, are an error.
func Words(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	var quote byte
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == '\'':
			word.WriteByte(c)
		case c == '\\' && i+1 < len(line):
			i++
			if quote == '"' && !strings.ContainsRune("\"\\$`", rune(line[i])) {
				word.WriteByte('\\')
			}
			word.WriteByte(line[i])
			inWord = true
		case c == '$' || c == '`':
			return nil, fmt.Errorf("%q is for a shell to expand", line)
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case strings.IndexByte("|&;<>()*?\n", c) >= 0:
			return nil, fmt.Errorf("%q is for a shell to run", line)
		case c == ' ' || c == '\t':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("%q has no closing %c", line, quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
