package cmd

// commonFlags are on every verb and are also accepted before the verb.
func commonFlags() []flag {
	return []flag{
		boolFlag("json", "print one JSON object on standard output; errors are JSON on standard error"),
		boolFlag("quiet", "say nothing on standard error but warnings and errors").Short("q"),
		boolFlag("verbose", "say more on standard error").Short("v"),
		boolFlag("dry-run", "read everything, change nothing, and print what would be done").Short("n"),
		boolFlag("yes", "answer yes to the question a moderate change asks").Short("y"),
		stringFlag("confirm", "NAME", "confirm a severe change by the name of what it destroys"),
		durationFlag("timeout", "give up after this time (exit status 14); 0 is never").Default("0"),
		durationFlag("lock-timeout", "wait this long for a lock another process holds").Default("0").
			Env("CALYPSO_LOCK_TIMEOUT"),
		boolFlag("detach", "run as a task of its own and print its id; see 'calypso task'"),
		stringFlag("state-dir", "DIR", "keep state, locks and audit log under DIR (environment CALYPSO_STATE_DIR)").Files(),
		stringFlag("config", "FILE", "read this configuration file").Files(),
		stringFlag("progress", "MODE", "show progress on standard error: a bar on a terminal, JSON lines, or nothing").
			Default("auto").Choices("auto", "json", "none"),
		boolFlag("no-color", "use no colour (environment NO_COLOR)"),
	}
}

// helpFlag is handled before anything runs, so it is no flag of any verb.
var helpFlag = boolFlag("help", "show this help").Short("h")

// flagsOf lists what a verb accepts: its own flags, then the common ones.
func flagsOf(c *command) []flag { return append(append([]flag{}, c.Flags...), commonFlags()...) }
