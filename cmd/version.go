package cmd

import (
	"context"
	"runtime"
	"runtime/debug"
)

// version is set when a release is linked: -ldflags "-X calypso/cmd.version=v1.2.3". Without it the
// version is that of the build's source tree.
var version string

// versionDoc is `calypso version --json`.
type versionDoc struct {
	Version    string  `json:"version"`
	GoVersion  string  `json:"go_version"`
	OS         string  `json:"os"`
	Arch       string  `json:"arch"`
	VCS        *string `json:"vcs"`
	Revision   *string `json:"revision"`
	RevisionAt *string `json:"revision_time"`
	Modified   *bool   `json:"modified"`
}

func versionCommand() *command {
	return &command{
		Name: "version", Summary: "print the version", Stateless: true,
		Description: "Prints the version of calypso, and with --json or --verbose the source revision and the Go version it was built with. 'calypso --version' is the same.",
		Examples:    []example{{"calypso version", "print the version"}, {"calypso version --json", "print it with the build's details for a script"}},
		Run:         runVersion,
	}
}

func runVersion(_ context.Context, inv *invocation) error {
	d := readVersion()
	return inv.emit(d, func(p *page) {
		p.line("calypso %s", d.Version)
		if !inv.verbose {
			return
		}
		p.pairs("Go", d.GoVersion, "platform", d.OS+"/"+d.Arch, "revision", d.Revision, "committed", d.RevisionAt)
	})
}

func readVersion() versionDoc {
	d := versionDoc{Version: version, GoVersion: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	if d.Version == "" {
		d.Version = info.Main.Version
	}
	if d.Version == "" || d.Version == "(devel)" {
		d.Version = "devel"
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs":
			d.VCS = &s.Value
		case "vcs.revision":
			d.Revision = &s.Value
		case "vcs.time":
			d.RevisionAt = &s.Value
		case "vcs.modified":
			modified := s.Value == "true"
			d.Modified = &modified
		}
	}
	return d
}
