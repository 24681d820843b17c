// Command calypso runs a backup appliance from the shell.
package main

import (
	"os"

	"calypso/cmd"
)

func main() { os.Exit(cmd.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
