package errcode

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// constants reads the Code constants from the source, so that a new one cannot be forgotten here.
func constants(t *testing.T) []Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "table.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || fmt.Sprint(spec.Type) != "Code" {
			return true
		}
		for _, v := range spec.Values {
			text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, Code(text))
		}
		return false
	})
	if len(codes) < 50 {
		t.Fatalf("found %d constants; the test does not see them", len(codes))
	}
	return codes
}

func TestEveryConstantHasOneRow(t *testing.T) {
	rows := map[Code]int{}
	for _, e := range All() {
		rows[e.Code]++
	}
	for _, c := range constants(t) {
		if rows[c] != 1 {
			t.Errorf("code %q has %d rows; want 1", c, rows[c])
		}
		delete(rows, c)
	}
	for c := range rows {
		t.Errorf("row %q has no constant", c)
	}
}

func TestRows(t *testing.T) {
	exits := []Exit{ExitFailed, ExitUsage, ExitPartial, ExitNotFound, ExitBusy, ExitDenied, ExitRefused, ExitTimeout, ExitUnsupported,
		ExitDevice, ExitMismatch, ExitNoSpace, ExitInternal, ExitInterrupted, ExitTerminated}
	form := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, e := range All() {
		if !form.MatchString(string(e.Code)) {
			t.Errorf("code %q is not in snake case", e.Code)
		}
		if !slices.Contains(exits, e.Exit) {
			t.Errorf("code %q has exit status %d, which is not promised", e.Code, e.Exit)
		}
		for _, text := range []string{e.Meaning, e.Remedy} {
			if strings.HasSuffix(text, ".") || strings.ContainsRune(text, '\n') || strings.TrimSpace(text) != text {
				t.Errorf("code %q: %q is not one phrase without a full stop", e.Code, text)
			}
		}
		if e.Meaning == "" {
			t.Errorf("code %q has no meaning", e.Code)
		}
	}
}

func TestAllIsACopy(t *testing.T) {
	All()[0].Code = "changed"
	if All()[0].Code == "changed" {
		t.Error("All gives the table itself")
	}
}

func TestClassification(t *testing.T) {
	full := New(TapeFull, "vtl01:0", "end of medium")
	tests := []struct {
		err  error
		code Code
		exit Exit
	}{
		{nil, "", ExitOK},
		{errors.New("x"), Failed, ExitFailed},
		{full, TapeFull, ExitNoSpace},
		{fmt.Errorf("write: %w", full), TapeFull, ExitNoSpace},
		{errors.Join(errors.New("x"), full), TapeFull, ExitNoSpace},
		{New(Partial, "", "2 of 3: %w", full), Partial, ExitPartial},
		{New("no_such_code", "", "x"), "no_such_code", ExitFailed},
		{context.Canceled, Interrupted, ExitInterrupted},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), Timeout, ExitTimeout},
		{&fs.PathError{Op: "write", Path: "p", Err: syscall.ENOSPC}, DiskFull, ExitNoSpace},
		{syscall.EDQUOT, DiskFull, ExitNoSpace},
		{syscall.EACCES, PermissionDenied, ExitDenied},
		{syscall.EPERM, PermissionDenied, ExitDenied},
		{syscall.EROFS, PermissionDenied, ExitDenied},
		{os.ErrNotExist, FileNotFound, ExitNotFound},
		{syscall.EIO, Failed, ExitFailed},
	}
	for _, tt := range tests {
		if code, exit := Of(tt.err), ExitOf(tt.err); code != tt.code || exit != tt.exit {
			t.Errorf("Of, ExitOf(%v) = %q, %d; want %q, %d", tt.err, code, exit, tt.code, tt.exit)
		}
	}
}

func TestHintOf(t *testing.T) {
	entry, _ := Lookup(LockBusy)
	tests := []struct {
		err  error
		want string
	}{
		{New(LockBusy, "d", "held"), entry.Remedy},
		{fmt.Errorf("x: %w", New(LockBusy, "d", "held").WithHint("try %d", 1)), "try 1"},
		{errors.New("x"), ""},
		{nil, ""},
	}
	for _, tt := range tests {
		if got := HintOf(tt.err); got != tt.want {
			t.Errorf("HintOf(%v) = %q; want %q", tt.err, got, tt.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("cause")
	tests := []struct {
		err  *Error
		want string
	}{
		{New(Failed, "obj", "it %s", "broke"), "obj: it broke"},
		{New(Failed, "obj", "x").WithOp("write"), "write obj: x"},
		{New(Failed, "", "x").WithOp("write"), "write: x"},
		{New(Failed, "", "x"), "x"},
		{New(Failed, "o", "x").WithState("nothing was written"), "o: x; nothing was written"},
		{&Error{Code: Failed, Object: "o", Err: cause}, "o: cause"},
		{&Error{Code: Failed}, "failed"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("Error() = %q; want %q", got, tt.want)
		}
	}
	if e := New(Failed, "o", "x: %w", cause); !errors.Is(e, cause) {
		t.Error("New loses the cause of %w")
	}
}
