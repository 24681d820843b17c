package flat

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testKeys = []string{"name", "size", "complete", "link", "at"}

type record struct {
	name     string
	size     int64
	complete bool
	link     string
	at       time.Time
}

func (r record) encode() []byte {
	var o Object
	o.Start()
	o.Text("name", r.name)
	o.Int("size", r.size)
	o.Bool("complete", r.complete)
	o.TextOrNull("link", r.link)
	o.Time("at", r.at)
	return o.End()
}

func decode(line []byte) (record, error) {
	var r record
	err := Decode(line, testKeys, func(key int, v Value) (err error) {
		switch key {
		case 0:
			r.name, err = v.Text()
		case 1:
			r.size, err = v.Int()
		case 2:
			r.complete, err = v.Bool()
		case 3:
			if !v.Null() {
				r.link, err = v.Text()
			}
		case 4:
			r.at, err = v.Time()
		}
		return err
	})
	return r, err
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := record{
			name:     rapid.String().Draw(t, "name"),
			size:     rapid.Int64().Draw(t, "size"),
			complete: rapid.Bool().Draw(t, "complete"),
			link:     rapid.StringN(0, 10, 40).Draw(t, "link"),
			at:       time.Unix(rapid.Int64Range(0, 1<<36).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC(),
		}
		got, err := decode(want.encode())
		if err != nil {
			t.Fatalf("%s: %v", want.encode(), err)
		}
		if got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func TestRefused(t *testing.T) {
	good := string(record{name: "n", at: time.Unix(0, 0)}.encode())
	if _, err := decode([]byte(good)); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, line, want string }{
		{"empty", "", "not an object"},
		{"array", "[]", "not an object"},
		{"no keys", "{}", "no string"},
		{"unknown key", strings.Replace(good, `"name"`, `"nome"`, 1), "unknown key"},
		{"missing key", strings.Replace(good, `"name":"n",`, ``, 1), `"name" missing`},
		{"key twice", strings.Replace(good, `"name":"n",`, `"name":"n","name":"n",`, 1), `"name" twice`},
		{"octal", strings.Replace(good, `:0,`, `:010,`, 1), "010"},
		{"minus zero", strings.Replace(good, `:0,`, `:-0,`, 1), "-0"},
		{"fraction", strings.Replace(good, `:0,`, `:0.5,`, 1), "0.5"},
		{"too large", strings.Replace(good, `:0,`, `:9223372036854775808,`, 1), "too large"},
		{"nested", strings.Replace(good, `:0,`, `:{},`, 1), "{"},
		{"string for a number", strings.Replace(good, `:0,`, `:"0",`, 1), "not an integer"},
		{"number for a string", strings.Replace(good, `"n"`, `1`, 1), "not a string"},
		{"number for a boolean", strings.Replace(good, `false`, `1`, 1), "not a boolean"},
		{"trailing", good + "x", "more after"},
		{"cut", good[:len(good)-3], ""},
		{"raw control", strings.Replace(good, `"n"`, "\"\x01\"", 1), "control"},
		{"not UTF-8", strings.Replace(good, `"n"`, "\"\xff\"", 1), "UTF-8"},
		{"half a surrogate", strings.Replace(good, `"n"`, `"\ud800"`, 1), "escape"},
		{"bad escape", strings.Replace(good, `"n"`, `"\x"`, 1), "escape"},
		{"no time", strings.Replace(good, `1970`, `xxxx`, 1), "not a time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decode([]byte(tt.line))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("decode(%s) = %v, want an error with %q", tt.line, err, tt.want)
			}
		})
	}
}

func TestOtherOrderAndSpace(t *testing.T) {
	line := ` { "at" : "2026-01-02T03:04:05.6Z" , "link":null, "complete":true,"size":-7,"name":"\u00e9\ud83d\ude00\/" } `
	got, err := decode([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	want := record{name: "é😀/", size: -7, complete: true, at: time.Date(2026, 1, 2, 3, 4, 5, 6e8, time.UTC)}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// FuzzDecode holds the package to encoding/json: what we accept, it accepts with the same meaning.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":"a","size":1,"complete":true,"link":null,"at":"2026-01-02T03:04:05Z"}`))
	f.Add([]byte(`{"name":"\ud83d\ude00","size":-1,"complete":false,"link":"x","at":"2026-01-02T03:04:05.123456789Z"}`))
	f.Add([]byte(`{"name":"a"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := decode(line)
		if err != nil {
			return
		}
		var want struct {
			Name     string
			Size     int64
			Complete bool
			Link     *string
			At       time.Time
		}
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		link := ""
		if want.Link != nil {
			link = *want.Link
		}
		if got != (record{want.Name, want.Size, want.Complete, link, want.At.UTC()}) {
			t.Fatalf("got %+v, encoding/json %+v", got, want)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	line := record{name: "some/path/to/a/file.txt", size: 123456, link: "", at: time.Unix(1e9, 5)}.encode()
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode(line); err != nil {
			b.Fatal(err)
		}
	}
}
