package cmd

import (
	"os"
	"path/filepath"
)

// $TEST_HOST is a directory with the sys, dev and udev of a scenario.
func init() {
	if dir := os.Getenv("TEST_HOST"); dir != "" {
		hostSys, hostDev, hostUdev = filepath.Join(dir, "sys"), filepath.Join(dir, "dev"), filepath.Join(dir, "udev")
	}
}
