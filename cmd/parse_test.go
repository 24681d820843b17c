package cmd

import (
	"math"
	"strconv"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	good := map[string]int64{
		"0": 0, "512": 512, "512B": 512, "1K": 1000, "1k": 1000, "1KB": 1000, "1KiB": 1024, "1Ki": 1024, "1kib": 1024,
		"256MiB": 256 << 20, "2T": 2e12, "1.5TiB": 3 << 39, "0.5KiB": 512, "12TB": 12e12, "1.0K": 1000, "1E": 1e18, "7EiB": 7 << 60,
		"9223372036854775807": math.MaxInt64, "0.001K": 1,
	}
	for text, want := range good {
		if got, err := parseSize(text); got != want || err != nil {
			t.Errorf("parseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "K", "-1", "+1", "010", "0x10", "1 K", "1KK", "1iB", "1.5", "1.0001KiB", "8EiB", "9223372036854775808", "1e3",
		"1.K2", ".5K", "1.5.5K", "٣", "1Q", "7.9999999999999999999EiB", "1KiBB",
	} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %d; want an error", text, got)
		}
	}
}

func TestParseInt(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "7": 7, "-7": -7, "9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64} {
		if got, err := parseInt(text); got != want || err != nil {
			t.Errorf("parseInt(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", "+1", "--1", "010", "-010", "0x10", "1_000", "1.0", "1e3", " 1", "9223372036854775808", "٣"} {
		if got, err := parseInt(text); err == nil {
			t.Errorf("parseInt(%q) = %d; want an error", text, got)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"0": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour, "1d12h": 36 * time.Hour, "1.5s": 1500 * time.Millisecond} {
		if got, err := parseDuration(text); got != want || err != nil {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "-5s", "+5s", "1d-1h", "1.5d", "999999d", "1dd", "d", "292277h99999999h"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v; want an error", text, got)
		}
	}
}

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{"24h": "2026-03-01T01:00:00Z", "2026-01-31": "2026-01-31T00:00:00Z", "2026-01-31T12:00:00+01:00": "2026-01-31T11:00:00Z"} {
		if got, err := parseSince(text, now); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("parseSince(%q) = %v, %v; want %s", text, got, err, want)
		}
	}
}

// Whatever is accepted must be what an independent reading of the text gives.
func FuzzParseInt(f *testing.F) {
	for _, s := range []string{"0", "010", "-1", "18446744073709551616", "0x1", "1_0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseInt(text)
		if err == nil && strconv.FormatInt(n, 10) != text && text != "-0" {
			t.Errorf("parseInt(%q) = %d", text, n)
		}
		if u, err := parseUint(text); err == nil && strconv.FormatUint(u, 10) != text {
			t.Errorf("parseUint(%q) = %d", text, u)
		}
	})
}

func FuzzParseSizeAndDuration(f *testing.F) {
	for _, s := range []string{"1.5TiB", "8EiB", "0.0000001E", "1d5m", "1h", "9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseSize(text); err == nil && n < 0 {
			t.Errorf("parseSize(%q) = %d", text, n)
		}
		if d, err := parseDuration(text); err == nil && d < 0 {
			t.Errorf("parseDuration(%q) = %v", text, d)
		}
	})
}
