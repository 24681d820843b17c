package place

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
)

func TestResolve(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	home := map[string]string{"HOME": "/home/a"}
	tests := []struct {
		name                    string
		env                     map[string]string
		euid                    int
		stateDir, config        string
		wantConfig, wantState   string
		wantRun, wantAudit, why string // why: of the state directory
	}{
		{name: "root", wantConfig: "/etc/calypso/config.yaml", wantState: "/var/lib/calypso", wantRun: "/run/calypso",
			wantAudit: "/var/log/calypso/audit.jsonl", why: "default for root"},
		{name: "root has no XDG", env: map[string]string{"XDG_STATE_HOME": "/x", "XDG_RUNTIME_DIR": "/y", "HOME": "/root"},
			wantConfig: "/etc/calypso/config.yaml", wantState: "/var/lib/calypso", wantRun: "/run/calypso",
			wantAudit: "/var/log/calypso/audit.jsonl", why: "default for root"},
		{name: "user", env: home, euid: 1000,
			wantConfig: "/home/a/.config/calypso/config.yaml", wantState: "/home/a/.local/state/calypso",
			wantRun: "/home/a/.local/state/calypso/run", wantAudit: "/home/a/.local/state/calypso/audit.jsonl", why: "XDG_STATE_HOME not set"},
		{name: "user with XDG", env: map[string]string{"XDG_STATE_HOME": "/s", "XDG_CONFIG_HOME": "/c", "XDG_RUNTIME_DIR": "/run/user/1000"}, euid: 1000,
			wantConfig: "/c/calypso/config.yaml", wantState: "/s/calypso", wantRun: "/s/calypso/run", wantAudit: "/s/calypso/audit.jsonl", why: "XDG_STATE_HOME"},
		{name: "relative XDG is ignored", env: map[string]string{"XDG_STATE_HOME": "s", "XDG_CONFIG_HOME": "c", "HOME": "/home/a"}, euid: 1000,
			wantConfig: "/home/a/.config/calypso/config.yaml", wantState: "/home/a/.local/state/calypso",
			wantRun: "/home/a/.local/state/calypso/run", wantAudit: "/home/a/.local/state/calypso/audit.jsonl", why: "not set"},
		{name: "moved by the environment", env: map[string]string{"CALYPSO_STATE_DIR": "/m/"},
			wantConfig: "/etc/calypso/config.yaml", wantState: "/m", wantRun: "/m/run", wantAudit: "/m/audit.jsonl", why: "CALYPSO_STATE_DIR"},
		{name: "moved, relative", env: map[string]string{"CALYPSO_STATE_DIR": "m"},
			wantConfig: "/etc/calypso/config.yaml", wantState: wd + "/m", wantRun: wd + "/m/run", wantAudit: wd + "/m/audit.jsonl", why: "CALYPSO_STATE_DIR"},
		{name: "moved by the flag", env: map[string]string{"CALYPSO_STATE_DIR": "/m"}, stateDir: "/f", config: "c.yaml",
			wantConfig: wd + "/c.yaml", wantState: "/f", wantRun: "/f/run", wantAudit: "/f/audit.jsonl", why: "--state-dir"},
		{name: "a user without HOME who moves it", env: map[string]string{"CALYPSO_STATE_DIR": "/m"}, euid: 1000, config: "/c.yaml",
			wantConfig: "/c.yaml", wantState: "/m", wantRun: "/m/run", wantAudit: "/m/audit.jsonl", why: "CALYPSO_STATE_DIR"},
		{name: "a unit of its own", euid: 990, env: map[string]string{"STATE_DIRECTORY": "/var/lib/other:/var/lib/private/calypso",
			"RUNTIME_DIRECTORY": "/run/calypso", "LOGS_DIRECTORY": "/var/log/calypso", "CONFIGURATION_DIRECTORY": "/etc/calypso"},
			wantConfig: "/etc/calypso/config.yaml", wantState: "/var/lib/private/calypso", wantRun: "/run/calypso",
			wantAudit: "/var/log/calypso/audit.jsonl", why: "STATE_DIRECTORY"},
		{name: "the unit of another", env: map[string]string{"STATE_DIRECTORY": "/var/lib/bacula", "RUNTIME_DIRECTORY": "/run/bacula"},
			wantConfig: "/etc/calypso/config.yaml", wantState: "/var/lib/calypso", wantRun: "/run/calypso",
			wantAudit: "/var/log/calypso/audit.jsonl", why: "default for root"},
		{name: "moved wins over the unit", env: map[string]string{"CALYPSO_STATE_DIR": "/m", "STATE_DIRECTORY": "/var/lib/calypso", "RUNTIME_DIRECTORY": "/run/calypso"},
			wantConfig: "/etc/calypso/config.yaml", wantState: "/m", wantRun: "/m/run", wantAudit: "/m/audit.jsonl", why: "CALYPSO_STATE_DIR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Resolve(func(k string) string { return tt.env[k] }, tt.euid, tt.stateDir, tt.config)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got.Why[KeyStateDir], tt.why) || len(got.Why) != 4 {
				t.Errorf("why = %v; want %q", got.Why, tt.why)
			}
			got.Why = nil
			want := Places{ConfigFile: tt.wantConfig, StateDir: tt.wantState, RunDir: tt.wantRun, AuditFile: tt.wantAudit}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveWithoutHome(t *testing.T) {
	for _, home := range []string{"", "relative"} {
		_, err := Resolve(func(k string) string { return map[string]string{"HOME": home}[k] }, 1000, "", "")
		if errcode.Of(err) != errcode.Usage {
			t.Errorf("HOME=%q: %v; want usage", home, err)
		}
	}
}

// Whatever the environment: absolute clean paths or an error.
func FuzzResolve(f *testing.F) {
	f.Add("/home/a", "", "x", "/var/lib/calypso:b", "", true)
	f.Fuzz(func(t *testing.T, home, xdg, moved, unit, flag string, root bool) {
		env := map[string]string{"HOME": home, "XDG_STATE_HOME": xdg, "CALYPSO_STATE_DIR": moved, "STATE_DIRECTORY": unit, "RUNTIME_DIRECTORY": unit}
		euid := 1000
		if root {
			euid = 0
		}
		got, err := Resolve(func(k string) string { return env[k] }, euid, flag, "")
		if err != nil {
			return
		}
		for _, path := range []string{got.ConfigFile, got.StateDir, got.RunDir, got.AuditFile} {
			if !filepath.IsAbs(path) || filepath.Clean(path) != path {
				t.Errorf("%v gives %q", env, path)
			}
		}
	})
}
