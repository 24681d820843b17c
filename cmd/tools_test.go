package cmd

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"calypso/sys/run"
	"calypso/sys/run/transcript"
)

// replayTools lets the program of a scenario meet recorded tools: $TEST_TOOLS names transcripts (see package
// transcript), or directories of them, parted by colons. They are the answers of this one run of the program,
// in this order, and each must be called for. $TEST_PROC is its /proc.
func replayTools() (*run.Replay, error) {
	if dir := os.Getenv("TEST_PROC"); dir != "" {
		hostProc = dir
	}
	names := os.Getenv("TEST_TOOLS")
	if names == "" {
		return nil, nil
	}
	var files []string
	for _, name := range strings.Split(names, ":") {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			inside, err := filepath.Glob(filepath.Join(name, "*"))
			if err != nil {
				return nil, err
			}
			files = append(files, inside...) // sorted
			continue
		}
		files = append(files, name)
	}
	list, err := transcript.Read(files...)
	r := &run.Replay{Exchanges: list}
	hostTools = r
	return r, err
}

// withTools runs the program with the tools of the scenario. An answer that was not called for is a failure.
func withTools(program func() int, stderr io.Writer) int {
	r, err := replayTools()
	if err != nil {
		fmt.Fprintln(stderr, "TEST_TOOLS:", err)
		return 99
	}
	status := program()
	if r != nil && len(r.Exchanges) > 0 {
		fmt.Fprintf(stderr, "TEST_TOOLS: %d recorded calls were not made, the first is %q\n", len(r.Exchanges), r.Exchanges[0].Argv)
		return 99
	}
	return status
}
