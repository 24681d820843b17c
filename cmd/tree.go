package cmd

// root is the whole command tree, built anew for each run. One line a group.
func root() *command {
	return &command{
		Name:        "calypso",
		Summary:     "run a backup appliance from the shell",
		Description: rootDescription,
		Commands: []*command{
			ltoGroup(), libraryGroup(), mediaGroup(), keyGroup(), vtlGroup(),
			poolGroup(), datasetGroup(), snapshotGroup(),
			repoGroup(), lvmGroup(),
			auditGroup(),
			configGroup(),
			taskGroup(),
			errorsCommand(),
			completionCommand(),
			linksCommand(),
			versionCommand(),
			manCommand(),
		},
	}
}

const rootDescription = `calypso drives tape drives and libraries, virtual tape libraries and what belongs to a
backup appliance. There is no daemon: each command acts on the hardware directly, holds a lock on each device while it
works, and keeps what it must remember in files.

Flags may stand before or after arguments; '--' ends them. 'calypso COMMAND --help' explains each command.`

// bareNames are the names besides calypso-GROUP that run a group when calypso is called by them (a
// symlink). The list is explicit so that a group never hides a system command such as time or net.
var bareNames = []string{"lto", "library", "media", "vtl"}
