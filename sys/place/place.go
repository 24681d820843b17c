// Package place decides where calypso keeps its configuration, state, volatile files and audit log,
// and says why each is where it is. It looks at the environment and the user only, never at a disk:
// nothing here creates a directory.
//
// Limits: the places follow the FHS for root, the XDG Base Directory Specification 0.8 for everybody
// else, and the directories that systemd.exec(5) hands to a unit (StateDirectory= and its kin).
package place

import (
	"path/filepath"
	"strings"

	"calypso/sys/errcode"
)

// The keys of Places.Why.
const (
	KeyConfigFile = "config_file"
	KeyStateDir   = "state_dir"
	KeyRunDir     = "run_dir"
	KeyAuditFile  = "audit_file"
)

// Places is where things live. Every path is absolute and clean.
type Places struct {
	ConfigFile string // optional YAML file, read by sys/config
	StateDir   string // libraries, catalog, tasks: survives a reboot
	RunDir     string // locks and volatile drive state
	AuditFile  string // the hash-chained JSON Lines of sys/audit

	// Why says for each of the Key constants what decided it, for `calypso config show`.
	Why map[string]string
}

// Resolve decides the places of a process with the effective user euid. getenv gives the
// environment, empty meaning unset; stateDirFlag and configFlag are the values of --state-dir and
// --config, empty when not given. Relative directories are taken from the working directory. The
// error has errcode.Usage: there is no home directory to put things in, or no working directory.
func Resolve(getenv func(string) string, euid int, stateDirFlag, configFlag string) (Places, error) {
	r := resolver{getenv: getenv, root: euid == 0}
	p := Places{Why: map[string]string{}}
	p.set(KeyStateDir, r.state(stateDirFlag))
	p.set(KeyRunDir, r.run())
	p.set(KeyAuditFile, r.audit())
	p.set(KeyConfigFile, r.config(configFlag))
	return p, r.err
}

// choice is a path and the reason for it.
type choice struct{ path, why string }

func (p *Places) set(key string, c choice) {
	switch key {
	case KeyStateDir:
		p.StateDir = c.path
	case KeyRunDir:
		p.RunDir = c.path
	case KeyAuditFile:
		p.AuditFile = c.path
	case KeyConfigFile:
		p.ConfigFile = c.path
	}
	p.Why[key] = c.why
}

// resolver keeps the first error, so that the rules below read as rules.
type resolver struct {
	getenv   func(string) string
	root     bool
	moved    string // why state, run and audit move together; empty when they do not
	stateDir string
	err      error
}

func (r *resolver) state(flag string) choice {
	c := r.stateChoice(flag)
	r.stateDir = c.path
	return c
}

func (r *resolver) stateChoice(flag string) choice {
	if flag != "" {
		r.moved = "--state-dir"
		return choice{r.abs(flag), r.moved}
	}
	if dir := r.getenv("CALYPSO_STATE_DIR"); dir != "" {
		r.moved = "CALYPSO_STATE_DIR"
		return choice{r.abs(dir), r.moved}
	}
	if dir := r.unitDir("STATE_DIRECTORY"); dir != "" {
		return choice{dir, "STATE_DIRECTORY, set by systemd"}
	}
	if r.root {
		return choice{"/var/lib/calypso", "default for root"}
	}
	return r.xdg("XDG_STATE_HOME", ".local/state", "calypso")
}

// run is beside the state for a user who is not root, and not in $XDG_RUNTIME_DIR: that directory
// is deleted when the user's last session ends, under the locks that a detached task still holds,
// and a cron job has none, so it would not see the locks of the same user's shell.
func (r *resolver) run() choice {
	if r.moved != "" {
		return choice{filepath.Join(r.stateDir, "run"), r.moved}
	}
	if dir := r.unitDir("RUNTIME_DIRECTORY"); dir != "" {
		return choice{dir, "RUNTIME_DIRECTORY, set by systemd"}
	}
	if r.root {
		return choice{"/run/calypso", "default for root"}
	}
	return choice{filepath.Join(r.stateDir, "run"), "beside the state: one place for all sessions of the user"}
}

func (r *resolver) audit() choice {
	if r.moved != "" {
		return choice{filepath.Join(r.stateDir, "audit.jsonl"), r.moved}
	}
	if dir := r.unitDir("LOGS_DIRECTORY"); dir != "" {
		return choice{filepath.Join(dir, "audit.jsonl"), "LOGS_DIRECTORY, set by systemd"}
	}
	if r.root {
		return choice{"/var/log/calypso/audit.jsonl", "default for root"}
	}
	return choice{filepath.Join(r.stateDir, "audit.jsonl"), "beside the state"}
}

func (r *resolver) config(flag string) choice {
	if flag != "" {
		return choice{r.abs(flag), "--config"}
	}
	if dir := r.unitDir("CONFIGURATION_DIRECTORY"); dir != "" {
		return choice{filepath.Join(dir, "config.yaml"), "CONFIGURATION_DIRECTORY, set by systemd"}
	}
	if r.root {
		return choice{"/etc/calypso/config.yaml", "default for root"}
	}
	return r.xdg("XDG_CONFIG_HOME", ".config", "calypso", "config.yaml")
}

// xdg follows the specification: a relative value is ignored as if it were unset.
func (r *resolver) xdg(variable, underHome string, rest ...string) choice {
	if dir := r.getenv(variable); filepath.IsAbs(dir) {
		return choice{filepath.Join(append([]string{dir}, rest...)...), variable}
	}
	home := r.getenv("HOME")
	if !filepath.IsAbs(home) {
		r.fail(errcode.New(errcode.Usage, "HOME", "not set to an absolute path, so there is no place for files").
			WithHint("set HOME, or CALYPSO_STATE_DIR together with --config"))
		return choice{}
	}
	return choice{filepath.Join(append([]string{home, underHome}, rest...)...), "default for a user, " + variable + " not set"}
}

// unitDir gives the directory named calypso among those that systemd hands to a unit (a list
// separated by colons). Any other is that of the unit around us, e.g. bacula-sd with a RunScript:
// to follow it would hide the state and the locks of every other calypso on the machine.
func (r *resolver) unitDir(variable string) string {
	for _, dir := range strings.Split(r.getenv(variable), ":") {
		if filepath.IsAbs(dir) && filepath.Base(dir) == "calypso" {
			return filepath.Clean(dir)
		}
	}
	return ""
}

func (r *resolver) abs(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		r.fail(errcode.New(errcode.Usage, dir, "cannot be made absolute: %w", err))
	}
	return abs
}

func (r *resolver) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}
