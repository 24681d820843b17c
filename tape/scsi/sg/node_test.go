package sg

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree makes files and links below a new directory. A value that begins with -> is a link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if len(content) > 2 && content[:2] == "->" {
			err = os.Symlink(filepath.Join(root, content[2:]), path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestNodes(t *testing.T) {
	root := tree(t, map[string]string{
		"class/scsi_generic/sg10/device":                "->devices/host2/2:0:1:0",
		"class/scsi_generic/sg2/device":                 "->devices/host2/2:0:0:0",
		"class/scsi_generic/sg0/device":                 "->devices/host0/0:0:0:0",
		"class/scsi_generic/sg3/device":                 "->devices/gone",
		"devices/host0/0:0:0:0/type":                    "0\n",
		"devices/host2/2:0:0:0/type":                    "8\n",
		"devices/host2/2:0:0:0/vendor":                  "STK     \n",
		"devices/host2/2:0:0:0/model":                   "L700            \n",
		"devices/host2/2:0:0:0/rev":                     "0107\n",
		"devices/host2/2:0:0:0/vpd_pg80":                "\x08\x80\x00\x0aXYZZY_A   ",
		"devices/host2/2:0:0:0/scsi_changer/sch0/dev":   "86:0",
		"devices/host2/2:0:1:0/type":                    "1\n",
		"devices/host2/2:0:1:0/vendor":                  "IBM     \n",
		"devices/host2/2:0:1:0/model":                   "ULT3580-TD8     \n",
		"devices/host2/2:0:1:0/rev":                     "0107\n",
		"devices/host2/2:0:1:0/scsi_tape/nst6a/dev":     "9:230",
		"devices/host2/2:0:1:0/scsi_tape/nst6/dev":      "9:134",
		"devices/host2/2:0:1:0/scsi_tape/st6l/dev":      "9:38",
		"devices/host2/2:0:1:0/scsi_tape/st6/dev":       "9:6",
		"devices/host2/2:0:1:0/vpd_pg80":                "\x01\x80\x00\xffSHORT",
		"devices/host2/2:0:1:0/scsi_generic/sg10/dev":   "21:10",
		"devices/host2/2:0:1:0/scsi_tape/stray/comment": "",
	})
	got, err := Nodes(root)
	// One that cannot be resolved went away; a disk is none of ours.
	want := []Node{
		{Generic: "/dev/sg2", Changer: "/dev/sch0", Address: "2:0:0:0", Kind: Changer, Vendor: "STK", Product: "L700", Revision: "0107", Serial: "XYZZY_A"},
		{Generic: "/dev/sg10", Tape: "/dev/st6", NoRewind: "/dev/nst6", Address: "2:0:1:0", Kind: Tape, Vendor: "IBM", Product: "ULT3580-TD8", Revision: "0107", Serial: "SHORT"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Nodes: %v\n%s", err, diff)
	}
}

func TestNodesWithoutDriver(t *testing.T) {
	if _, err := Nodes(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no class directory: %v, want one that Is fs.ErrNotExist", err)
	}
}

func TestNodeHas(t *testing.T) {
	n := Node{Generic: "/dev/sg1", Tape: "/dev/st0", NoRewind: "/dev/nst0"}
	for path, want := range map[string]bool{"/dev/sg1": true, "/dev/st0": true, "/dev/nst0": true, "/dev/nst0a": true, "/dev/st0m": true,
		"": false, "/dev/sg10": false, "/dev/nst0al": false, "/dev/nst01": false, "/dev/sg1a": false, "/dev/nst": false} {
		if n.Has(path) != want {
			t.Errorf("%q: %v, want %v", path, !want, want)
		}
	}
	if (Node{Generic: "/dev/sg1"}).Has("a") {
		t.Error("a drive without st nodes has none")
	}
}

func TestSettled(t *testing.T) {
	udev := t.TempDir()
	if !Settled("/dev/null", udev) || Settled(filepath.Join(udev, "nothing"), udev) {
		t.Error("without udev a node that is there is settled, no other")
	}
	if err := os.Mkdir(filepath.Join(udev, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if Settled("/dev/null", udev) {
		t.Error("udev does not know the node yet: not settled")
	}
	if err := os.WriteFile(filepath.Join(udev, "data", "c1:3"), nil, 0o644); err != nil { // what Linux numbers /dev/null
		t.Fatal(err)
	}
	if !Settled("/dev/null", udev) {
		t.Error("udev knows the node: settled")
	}
}
