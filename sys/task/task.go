// Package task runs commands of calypso detached from the terminal (--detach) and keeps what became
// of them: a record `tasks/ID.yaml` below the state directory, and the output in `tasks/ID/stdout`
// and `tasks/ID/stderr`.
//
// Where systemd runs, a task is a transient unit calypso-task-ID of the system manager (root) or of
// the user's (systemd-run(1)): it survives the end of the session and shows in systemctl. Elsewhere
// it is a process in a session of its own. Either way the process is this program again, as `task run-recorded ID -- …`
// (RunRecorded), which starts the command, waits for it and writes down its exit status.
//
// Limits: the standard input of a task is /dev/null. A task whose recorder was killed has no exit
// status: its state is "lost". Cancel asks with SIGTERM and never kills.
package task

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/proc"
	"calypso/sys/state"
)

// schema is the version of the record.
const schema = 1

// pollInterval is how often Wait looks at the record.
const pollInterval = 100 * time.Millisecond

// The states of a task.
const (
	Starting = "starting" // its process has not come up yet
	Running  = "running"
	Finished = "finished" // its exit status is known
	Lost     = "lost"     // it ended without one: killed, or the machine went down
)

// Record is what is known of a task, as it stands in its file.
type Record struct {
	SchemaVersion int        `yaml:"schema_version" json:"-"`
	ID            string     `yaml:"id" json:"id"`
	Command       []string   `yaml:"command" json:"command"` // arguments after the program's name
	Directory     string     `yaml:"directory" json:"directory"`
	Unit          string     `yaml:"unit" json:"unit"`           // systemd unit; "" for a session of its own
	UserUnit      bool       `yaml:"user_unit" json:"user_unit"` // the unit is one of the user's manager
	Created       time.Time  `yaml:"created" json:"created"`
	Started       *time.Time `yaml:"started" json:"started"`
	PID           int        `yaml:"pid" json:"pid"`             // of the recorder, which leads the process group; 0: not up
	StartTime     uint64     `yaml:"start_time" json:"-"`        // of that process, in ticks after boot
	BootID        string     `yaml:"boot_id" json:"-"`           // of that boot
	Canceled      *time.Time `yaml:"canceled" json:"canceled"`   // when Cancel asked it to end
	Finished      *time.Time `yaml:"finished" json:"finished"`   // when it ended
	ExitCode      *int       `yaml:"exit_code" json:"exit_code"` // 128 + N for a death by signal N

	State string `yaml:"-" json:"state"` // one of the constants, found out when read
}

// startGrace is how long a task may take to come up before it counts as lost.
const startGrace = 30 * time.Second

// Store keeps the tasks of one state directory.
type Store struct {
	dir string // <state>/tasks
}

// NewStore gives the tasks of the state directory stateDir. It touches nothing.
func NewStore(stateDir string) *Store {
	return &Store{dir: filepath.Join(stateDir, "tasks")}
}

// idForm is what an ID looks like; anything else would be a path.
var idForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]{8}-[0-9]{6}-[0-9a-f]{4}$`) })

func (s *Store) recordPath(id string) string { return filepath.Join(s.dir, id+".yaml") }

// LogPath names the file with the output of a task; stream is "stdout" or "stderr".
func (s *Store) LogPath(id, stream string) string { return filepath.Join(s.dir, id, stream) }

// List gives all tasks, oldest first. A record that cannot be read is left out and its error
// returned with the others.
func (s *Store) List() ([]Record, error) {
	records := []Record{}
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return records, errcode.New(errcode.Of(err), s.dir, "cannot read: %w", err)
	}
	var problems error
	for _, e := range entries {
		id, isRecord := strings.CutSuffix(e.Name(), ".yaml")
		if !isRecord || !idForm().MatchString(id) {
			continue
		}
		r, err := s.Show(id)
		if err != nil {
			problems = errors.Join(problems, err)
			continue
		}
		records = append(records, *r)
	}
	slices.SortStableFunc(records, func(a, b Record) int { return a.Created.Compare(b.Created) })
	return records, problems
}

// Show gives one task. The error is errcode.TaskNotFound, or that of state.ReadYAML.
func (s *Store) Show(id string) (*Record, error) {
	if !idForm().MatchString(id) {
		return nil, notFound(id)
	}
	var r Record
	err := state.ReadYAML(s.recordPath(id), schema, &r)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound(id)
	}
	if err != nil {
		return nil, err
	}
	r.State = r.findState()
	if r.State == Lost {
		// It may have ended between the reading of its record and the look at its process.
		if err := state.ReadYAML(s.recordPath(id), schema, &r); err != nil {
			return nil, err
		}
		r.State = r.findState()
	}
	return &r, nil
}

func notFound(id string) error {
	return errcode.New(errcode.TaskNotFound, id, "no such task")
}

func (r *Record) findState() string {
	switch {
	case r.Finished != nil:
		return Finished
	case r.alive():
		return Running
	case r.PID == 0 && time.Since(r.Created).Abs() < startGrace && r.BootID == proc.BootID(): // a clock may be set back
		return Starting
	}
	return Lost
}

// alive says whether the recorder lives; pids are used again, and so are they after a reboot.
func (r *Record) alive() bool {
	return r.PID > 0 && r.BootID == proc.BootID() && proc.Alive(r.PID, r.StartTime)
}

// Wait waits until the task has ended and gives its exit status. The error is that of Show, of ctx,
// or errcode.Failed for a task that was lost.
func (s *Store) Wait(ctx context.Context, id string) (exitCode int, err error) {
	for {
		r, err := s.Show(id)
		switch {
		case err != nil:
			return 0, err
		case r.State == Finished:
			return *r.ExitCode, nil
		case r.State == Lost:
			return 0, errcode.New(errcode.Failed, id, "the task ended without recording an exit status").
				WithHint("it was killed or the machine went down: look with 'calypso task logs %s'", id)
		}
		select {
		case <-ctx.Done():
			return 0, errcode.New(errcode.Of(ctx.Err()), id, "waiting for the task: %w", ctx.Err()).WithState("the task goes on")
		case <-time.After(pollInterval):
		}
	}
}

func now() *time.Time {
	t := time.Now().UTC().Truncate(time.Millisecond)
	return &t
}
