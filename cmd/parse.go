package cmd

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

func parseBool(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", text)
}

// digits checks that text is decimal without a leading zero: 010 is 8 to some programs and 10 to
// others, so it is nothing to this one.
func digits(text string) error {
	if text == "" {
		return fmt.Errorf("a number is missing")
	}
	for _, r := range text {
		if r < '0' || r > '9' {
			return fmt.Errorf("%q is not a decimal number", text)
		}
	}
	if text[0] == '0' && len(text) > 1 {
		return fmt.Errorf("%q has a leading zero; write it in decimal without", text)
	}
	return nil
}

func parseInt(text string) (int64, error) {
	if err := digits(strings.TrimPrefix(text, "-")); err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is out of range", text)
	}
	return n, nil
}

func parseUint(text string) (uint64, error) {
	if err := digits(text); err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is out of range", text)
	}
	return n, nil
}

// parseSize reads bytes with an optional unit: KiB or Ki is 1024, K or KB is 1000, and so on to E.
// Letters may be of either case. A fraction must come out as whole bytes.
func parseSize(text string) (int64, error) {
	end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(text)
	}
	unit, ok := sizeUnit(text[end:])
	if !ok {
		return 0, fmt.Errorf("%q is not a size such as 512, 256KiB or 2T", text)
	}
	whole, fraction, dotted := strings.Cut(text[:end], ".")
	if err := digits(whole); err != nil {
		return 0, fmt.Errorf("%q is not a size such as 512, 256KiB or 2T", text)
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is out of range", text)
	}
	if !dotted {
		return n * unit, nil
	}
	part, err := fractionOf(fraction, unit)
	if err != nil || part > math.MaxInt64-n*unit {
		return 0, fmt.Errorf("%q is not a whole number of bytes", text)
	}
	return n*unit + part, nil
}

// sizeUnit is the number of bytes that a suffix stands for.
func sizeUnit(suffix string) (int64, bool) {
	s := strings.TrimSuffix(strings.ToUpper(suffix), "B")
	if s == "" {
		return 1, true
	}
	base := int64(1000)
	if len(s) == 2 && s[1] == 'I' {
		base, s = 1024, s[:1]
	}
	power := strings.Index("KMGTPE", s)
	if len(s) != 1 || power < 0 {
		return 0, false
	}
	unit := base
	for range power {
		unit *= base
	}
	return unit, true
}

// fractionOf is 0.decimals × unit when that is whole.
func fractionOf(decimals string, unit int64) (int64, error) {
	decimals = strings.TrimRight(decimals, "0")
	if decimals == "" {
		return 0, nil
	}
	if len(decimals) > 18 || strings.Trim(decimals, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	numerator, _ := strconv.ParseUint(decimals, 10, 64) // 18 digits fit
	denominator := uint64(math.Pow10(len(decimals)))
	high, low := bits.Mul64(numerator, uint64(unit))
	quotient, remainder := bits.Div64(high, low, denominator) // numerator < denominator, so it fits
	if remainder != 0 {
		return 0, strconv.ErrRange
	}
	return int64(quotient), nil
}

// parseDuration is time.ParseDuration without signs, and with d for days.
func parseDuration(text string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a duration such as 90s, 5m, 1h30m or 2d", text)
	rest, days := text, int64(0)
	if head, tail, found := strings.Cut(text, "d"); found {
		n, err := parseInt(head)
		if err != nil || n < 0 || n > 36500 {
			return 0, bad
		}
		days, rest = n, tail
		if rest == "" {
			rest = "0"
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return 0, bad
	}
	return d + time.Duration(days)*24*time.Hour, nil
}
