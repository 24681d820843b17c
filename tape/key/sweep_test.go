package key

import (
	"os"
	"path/filepath"
	"testing"
)

// What a killed process leaves of a key is removed by the next change, and nothing else is.
func TestUnfinishedKeysAreRemoved(t *testing.T) {
	s := NewStore(filepath.Join(t.TempDir(), "keys"))
	unlock, err := s.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	files := map[string]bool{ // whether it stays
		".2bd9d0670ff4da55.key2940654071298513287": false,
		".2bd9d0670ff4da55.key":                    true,
		".2bd9d0670ff4da55.key2x":                  true,
		"2bd9d0670ff4da55.key2":                    true,
		lockName:                                   true,
	}
	for name := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), nil, filePerm); err != nil {
			t.Fatal(err)
		}
	}
	if unlock, err = s.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	unlock()
	for name, stays := range files {
		if _, err := os.Lstat(filepath.Join(s.dir, name)); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
}
