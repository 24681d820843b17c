package cleaning

import (
	"context"
	"os"
	"testing"
	"time"

	"calypso/sys/errcode"
)

func TestBook(t *testing.T) {
	s := NewStore(t.TempDir())
	if c, err := s.Get("CLN001L8"); err != nil || c.Uses != 0 || c.Limit != 50 || c.UsedUp() {
		t.Errorf("Get(unknown) = %+v, %v", c, err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for n := 1; n <= Limit; n++ {
		c, err := s.Book(context.Background(), "CLN001L8", "D1", at, false)
		if err != nil || c.Uses != n || c.UsedUp() != (n == Limit) {
			t.Fatalf("use %d: %+v, %v", n, c, err)
		}
	}
	got, err := s.Get("CLN001L8")
	want := Cartridge{SchemaVersion: 1, Barcode: "CLN001L8", Uses: 50, Limit: 50, LastUsed: at, LastDrive: "D1"}
	if err != nil || got != want {
		t.Errorf("Get() = %+v, %v; want %+v", got, err, want)
	}
}

// A drive that calls a cartridge expired is right, and did not use it.
func TestBookExpired(t *testing.T) {
	s := NewStore(t.TempDir())
	if _, err := s.Book(context.Background(), "CLN001L8", "D1", time.Unix(0, 0), true); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Get("CLN001L8"); err != nil || c.Uses != 0 || !c.UsedUp() {
		t.Errorf("Get() = %+v, %v; want expired without a use", c, err)
	}
}

func TestBadNamesAndFiles(t *testing.T) {
	s := NewStore(t.TempDir())
	for _, barcode := range []string{"", "../x", "a/b"} {
		if _, err := s.Get(barcode); err == nil {
			t.Errorf("Get(%q) succeeded", barcode)
		}
		if _, err := s.Book(context.Background(), barcode, "D1", time.Now(), false); err == nil {
			t.Errorf("Book(%q) succeeded", barcode)
		}
	}
	if err := os.WriteFile(s.Path("CLN001L8"), []byte("uses: many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("CLN001L8"); errcode.Of(err) != errcode.StateInvalid {
		t.Errorf("Get(damaged) = %v", err)
	}
}
