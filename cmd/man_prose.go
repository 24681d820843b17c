package cmd

// proseSection is a section of calypso(8) that no declaration gives.
type proseSection struct{ title, text string }

var manProse = []proseSection{
	{"DEVICES", `A DEVICE is LIBRARY:N, drive N of a configured or virtual library (vtl01:0). Drives count from 0, slots from 1. Where
a command takes -f DEVICE and none is given, it is that of the environment variable TAPE, then that of the
configuration.`},
	{"OUTPUT", `Standard output carries the answer and nothing else; everything else goes to standard error. A write to standard
output that fails makes the command fail.

With --json the answer is one JSON object with "schema" and "schema_version". Keys are in snake_case with their unit
(_bytes, _seconds); times are RFC 3339 in UTC; every key is always present, unknown is null, an empty list is []. New
keys may be added to a version of a schema; a key changes its meaning only with the version. An error is one JSON object
on standard error with type, code, exit_code, message, hint, op, object, state and sense, also for a wrong command line.

Tables have no borders and one record a line, and are the same in a pipe. An empty value is "-".`},
	{"CONFIRMATION", `A command that destroys something asks on a terminal. Elsewhere it refuses with exit status 13 and says which flag to
add: --yes for a moderate change, --confirm NAME for a severe one, such as overwriting a tape that holds data. With
--dry-run nothing is asked and nothing is changed.`},
	{"SIGNALS", `SIGINT, SIGTERM and SIGHUP end a command after it has cleaned up: an archive being written is closed as
incomplete and locks are released. A second signal ends it at once.`},
	{"NAMES", `Called by the name calypso-GROUP, or by lto, library, media or vtl, calypso runs that group: 'lto status' is
'calypso lto status'. 'calypso links' makes such links.`},
	{"ENVIRONMENT", `  CALYPSO_STATE_DIR     moves state, locks and audit log together
  CALYPSO_LOCK_TIMEOUT  default of --lock-timeout
  TAPE                  default of -f
  NO_COLOR              use no colour

An empty variable counts as unset.`},
	{"FILES", `  /etc/calypso/config.yaml          configuration (optional)
  /var/lib/calypso                  state
  /run/calypso                      locks and the state of virtual drives
  /var/log/calypso/audit.jsonl      audit log

A user who is not root has them in the XDG directories. 'calypso config show' tells what is in force and why.`},
}
