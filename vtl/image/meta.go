package image

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"calypso/sys/errcode"
)

// The files of a cartridge's directory.
const (
	dataName  = "partition-0.tap" // of the first partition; see dataFile
	metaName  = "meta.json"
	indexName = "index"
	crcName   = "crc"
)

const (
	metaSchema   = 2        // 1 had neither cleaning cartridges nor partitions nor usage
	maxMetaBytes = 16 << 20 // the MAM of a cartridge is 16 KiB; this is generous
)

// Meta is what a cartridge knows about itself.
type Meta struct {
	Barcode              string
	Generation           string // a Name of Generations, or that of Universal
	DensityCode          byte
	MediumSerial         string
	Manufacturer         string
	ManufactureDate      string // YYYYMMDD
	NativeCapacityBytes  int64
	CapacityBytes        int64 // what the drive lets a host write; smaller than native after --tape-size
	WriteProtect         bool  // the switch on the cartridge
	WORM                 bool
	LoadCount            int64
	LifetimeWrittenBytes int64
	LifetimeReadBytes    int64
	Cleaning             bool    // a cleaning cartridge: it has no tape to write on
	CleaningsLeft        int64   // of a cleaning cartridge
	Partitions           []int64 // capacity of each partition in bytes, when there is more than one; Format sets it
	PersistentProtect    bool    // a host asked for write protection until it takes it back (PERSWP)
	PermanentProtect     bool    // a host asked for write protection for ever (PRMWP)
	Usage                Usage
	Attributes           []Attribute // MAM attributes that were written, by ascending ID
}

// Usage is what the cartridge went through, as drives book it in its memory (SSC-5, volume statistics
// log page). "Last" is the last load that has ended.
type Usage struct {
	TapeAlerts             uint64 `json:"tape_alerts,string"` // flags of the last load, flag 1 in the highest bit
	WriteMounts            int64  `json:"write_mounts"`
	DataSetsWritten        int64  `json:"data_sets_written"`
	DataSetsRead           int64  `json:"data_sets_read"`
	WriteRetries           int64  `json:"write_retries"`
	ReadRetries            int64  `json:"read_retries"`
	UnrecoveredWrites      int64  `json:"unrecovered_writes"`
	UnrecoveredReads       int64  `json:"unrecovered_reads"`
	HostWrittenBytes       int64  `json:"host_written_bytes"` // before compression; lifetime_written_bytes is after
	HostReadBytes          int64  `json:"host_read_bytes"`
	LastUnrecoveredWrites  int64  `json:"last_unrecovered_writes"`
	LastUnrecoveredReads   int64  `json:"last_unrecovered_reads"`
	LastHostWrittenBytes   int64  `json:"last_host_written_bytes"`
	LastMediumWrittenBytes int64  `json:"last_medium_written_bytes"`
	LastHostReadBytes      int64  `json:"last_host_read_bytes"`
	LastMediumReadBytes    int64  `json:"last_medium_read_bytes"`
	BeginningPasses        int64  `json:"beginning_of_medium_passes"`
	MiddlePasses           int64  `json:"middle_of_medium_passes"`
	MountSeconds           int64  `json:"mount_seconds"`
	Formats                int64  `json:"formats"` // FORMAT MEDIUM, and the making of the cartridge
}

// Attribute is one attribute of the medium auxiliary memory (SPC-5 7.4).
type Attribute struct {
	ID       uint16
	Format   byte // 0 binary, 1 ASCII, 2 text
	ReadOnly bool
	Value    []byte
}

// Attribute finds an attribute by its ID.
func (m *Meta) Attribute(id uint16) (Attribute, bool) {
	for _, a := range m.Attributes {
		if a.ID == id {
			return a, true
		}
	}
	return Attribute{}, false
}

// SetAttribute adds or replaces an attribute, keeping the order of IDs; an empty value removes it, as
// WRITE ATTRIBUTE with length 0 does.
func (m *Meta) SetAttribute(a Attribute) {
	kept := make([]Attribute, 0, len(m.Attributes)+1)
	placed := len(a.Value) == 0
	for _, old := range m.Attributes {
		if !placed && old.ID >= a.ID {
			kept, placed = append(kept, a), true
		}
		if old.ID != a.ID {
			kept = append(kept, old)
		}
	}
	if !placed {
		kept = append(kept, a)
	}
	m.Attributes = kept
}

// clone copies m so that a caller cannot reach the tape's own attributes.
func (m Meta) clone() Meta {
	attributes := make([]Attribute, len(m.Attributes))
	for i, a := range m.Attributes {
		a.Value = bytes.Clone(a.Value)
		attributes[i] = a
	}
	m.Attributes = attributes
	m.Partitions = slices.Clone(m.Partitions)
	return m
}

// metaFile is the form of meta.json.
type metaFile struct {
	SchemaVersion        int             `json:"schema_version"`
	Barcode              string          `json:"barcode"`
	Generation           string          `json:"generation"`
	DensityCode          string          `json:"density_code"` // two hexadecimal digits
	MediumSerial         string          `json:"medium_serial"`
	Manufacturer         string          `json:"manufacturer"`
	ManufactureDate      string          `json:"manufacture_date"`
	NativeCapacityBytes  int64           `json:"native_capacity_bytes"`
	CapacityBytes        int64           `json:"capacity_bytes"`
	WriteProtect         bool            `json:"write_protect"`
	WORM                 bool            `json:"worm"`
	LoadCount            int64           `json:"load_count"`
	LifetimeWrittenBytes int64           `json:"lifetime_written_bytes"`
	LifetimeReadBytes    int64           `json:"lifetime_read_bytes"`
	Cleaning             bool            `json:"cleaning"`
	CleaningsLeft        int64           `json:"cleanings_left"`
	Partitions           []int64         `json:"partitions"` // capacities in bytes
	PersistentProtect    bool            `json:"persistent_write_protect"`
	PermanentProtect     bool            `json:"permanent_write_protect"`
	Usage                Usage           `json:"usage"`
	Attributes           []attributeFile `json:"attributes"`
}

type attributeFile struct {
	ID       string `json:"id"` // four hexadecimal digits
	Format   string `json:"format"`
	ReadOnly bool   `json:"read_only"`
	ValueHex string `json:"value_hex"`
}

var formatNames = []string{"binary", "ascii", "text"}

func encodeMeta(m Meta) ([]byte, error) {
	f := metaFile{
		SchemaVersion: metaSchema, Barcode: m.Barcode, Generation: m.Generation,
		DensityCode:  fmt.Sprintf("%02X", m.DensityCode),
		MediumSerial: m.MediumSerial, Manufacturer: m.Manufacturer, ManufactureDate: m.ManufactureDate,
		NativeCapacityBytes: m.NativeCapacityBytes, CapacityBytes: m.CapacityBytes,
		WriteProtect: m.WriteProtect, WORM: m.WORM, LoadCount: m.LoadCount,
		LifetimeWrittenBytes: m.LifetimeWrittenBytes, LifetimeReadBytes: m.LifetimeReadBytes,
		Cleaning: m.Cleaning, CleaningsLeft: m.CleaningsLeft, Usage: m.Usage,
		Partitions:        append([]int64{}, m.Partitions...),
		PersistentProtect: m.PersistentProtect, PermanentProtect: m.PermanentProtect,
		Attributes: make([]attributeFile, 0, len(m.Attributes)),
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	for _, a := range m.Attributes {
		f.Attributes = append(f.Attributes, attributeFile{
			ID: fmt.Sprintf("%04X", a.ID), Format: formatNames[a.Format],
			ReadOnly: a.ReadOnly, ValueHex: hex.EncodeToString(a.Value),
		})
	}
	out, err := json.MarshalIndent(f, "", "  ")
	return append(out, '\n'), err
}

// errNewer says that meta.json has a schema this program does not know.
var errNewer = errors.New("written by a newer version")

func decodeMeta(data []byte) (Meta, error) {
	var f metaFile
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&f)
	if _, more := decoder.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("something follows the object")
	}
	if err != nil || f.SchemaVersion < 1 || f.SchemaVersion > metaSchema {
		return Meta{}, errors.Join(checkVersion(data), err)
	}
	m, err := f.meta()
	if err != nil {
		return Meta{}, err
	}
	return m, m.check()
}

// checkVersion looks at the version alone: a newer form need not be one that can be decoded.
func checkVersion(data []byte) error {
	var v struct {
		SchemaVersion int `json:"schema_version"`
	}
	switch err := json.Unmarshal(data, &v); {
	case err != nil:
		return err
	case v.SchemaVersion > metaSchema:
		return fmt.Errorf("schema_version %d: %w", v.SchemaVersion, errNewer)
	case v.SchemaVersion < 1:
		return fmt.Errorf("schema_version %d is not a version", v.SchemaVersion)
	}
	return nil
}

func (f metaFile) meta() (Meta, error) {
	m := Meta{
		Barcode: f.Barcode, Generation: f.Generation,
		MediumSerial: f.MediumSerial, Manufacturer: f.Manufacturer, ManufactureDate: f.ManufactureDate,
		NativeCapacityBytes: f.NativeCapacityBytes, CapacityBytes: f.CapacityBytes,
		WriteProtect: f.WriteProtect, WORM: f.WORM, LoadCount: f.LoadCount,
		LifetimeWrittenBytes: f.LifetimeWrittenBytes, LifetimeReadBytes: f.LifetimeReadBytes,
		Cleaning: f.Cleaning, CleaningsLeft: f.CleaningsLeft, Partitions: f.Partitions, Usage: f.Usage,
		PersistentProtect: f.PersistentProtect, PermanentProtect: f.PermanentProtect,
	}
	density, err := hex.DecodeString(f.DensityCode)
	if err != nil || len(density) != 1 {
		return m, fmt.Errorf("density_code %q is not two hexadecimal digits", f.DensityCode)
	}
	m.DensityCode = density[0]
	for _, a := range f.Attributes {
		attribute, err := a.attribute()
		if err != nil {
			return m, err
		}
		m.Attributes = append(m.Attributes, attribute)
	}
	return m, nil
}

func (a attributeFile) attribute() (Attribute, error) {
	id, err := hex.DecodeString(a.ID)
	if err != nil || len(id) != 2 {
		return Attribute{}, fmt.Errorf("attribute id %q is not four hexadecimal digits", a.ID)
	}
	value, err := hex.DecodeString(a.ValueHex)
	if err != nil {
		return Attribute{}, fmt.Errorf("attribute %s: value_hex: %w", a.ID, err)
	}
	for format, name := range formatNames {
		if name == a.Format {
			return Attribute{uint16(id[0])<<8 | uint16(id[1]), byte(format), a.ReadOnly, value}, nil
		}
	}
	return Attribute{}, fmt.Errorf("attribute %s: format %q is not known", a.ID, a.Format)
}

var (
	printable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[!-~]{1,32}$`) })
	date      = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]{8}$`) })
)

// check holds what the rest of the package relies on, for values that come from a file or a caller.
func (m *Meta) check() error {
	generation, ok := cartridgeGeneration(m.Generation)
	switch {
	case !ok:
		return fmt.Errorf("generation %q is not known", m.Generation)
	case generation.DensityCode != m.DensityCode:
		return fmt.Errorf("density code %02X is not that of %s", m.DensityCode, m.Generation)
	case !printable().MatchString(m.Barcode):
		return fmt.Errorf("barcode %q is not 1 to 32 printable characters", m.Barcode)
	case len(m.MediumSerial) > 32 || len(m.Manufacturer) > 8:
		return errors.New("medium serial number or manufacturer too long")
	case !date().MatchString(m.ManufactureDate):
		return fmt.Errorf("manufacture date %q is not YYYYMMDD", m.ManufactureDate)
	case m.Cleaning != (m.Generation == universal):
		return fmt.Errorf("generation %q is not that of the kind of cartridge", m.Generation)
	case m.checkCapacity() != nil:
		return m.checkCapacity()
	case m.LoadCount < 0 || m.LifetimeWrittenBytes < 0 || m.LifetimeReadBytes < 0 || m.CleaningsLeft < 0 || m.Usage.negative():
		return errors.New("a counter is negative")
	}
	if err := m.checkPartitions(); err != nil {
		return err
	}
	return checkAttributes(m.Attributes)
}

// negative says whether a counter is.
func (u Usage) negative() bool {
	return slices.Min([]int64{u.WriteMounts, u.DataSetsWritten, u.DataSetsRead, u.WriteRetries, u.ReadRetries,
		u.UnrecoveredWrites, u.UnrecoveredReads, u.HostWrittenBytes, u.HostReadBytes, u.LastUnrecoveredWrites,
		u.LastUnrecoveredReads, u.LastHostWrittenBytes, u.LastMediumWrittenBytes, u.LastHostReadBytes,
		u.LastMediumReadBytes, u.BeginningPasses, u.MiddlePasses, u.MountSeconds, u.Formats}) < 0
}

func checkAttributes(attributes []Attribute) error {
	for i, a := range attributes {
		switch {
		case i > 0 && attributes[i-1].ID >= a.ID:
			return fmt.Errorf("attribute %04X is out of order or double", a.ID)
		case int(a.Format) >= len(formatNames):
			return fmt.Errorf("attribute %04X: format %d is not known", a.ID, a.Format)
		case len(a.Value) > 0xFFFF:
			return fmt.Errorf("attribute %04X: %d bytes are more than 65535", a.ID, len(a.Value))
		}
	}
	return nil
}

// newMeta is the memory of a cartridge fresh from the factory.
func newMeta(s Spec, now time.Time) (Meta, error) {
	generation, ok := cartridgeGeneration(s.Generation)
	if !ok {
		return Meta{}, errcode.New(errcode.Usage, s.Barcode, "generation %q is not known", s.Generation)
	}
	m := Meta{
		Barcode: s.Barcode, Generation: generation.Name, DensityCode: generation.DensityCode,
		MediumSerial: mediumSerial(), Manufacturer: "CALYPSO",
		ManufactureDate:     now.UTC().Format("20060102"),
		NativeCapacityBytes: generation.CapacityBytes, CapacityBytes: generation.CapacityBytes, WORM: s.WORM,
	}
	if generation.Name == universal {
		m.Cleaning, m.CleaningsLeft = true, CleaningsNew
	}
	if s.CapacityBytes != 0 {
		m.CapacityBytes = s.CapacityBytes
	}
	if err := m.check(); err != nil {
		return Meta{}, errcode.New(errcode.Usage, s.Barcode, "%w", err)
	}
	return m, nil
}

// ReadMeta reads the memory of the cartridge in dir without opening the tape. A missing or damaged
// meta.json gives errcode.ImageDamaged, one of a newer program errcode.ImageNewer.
func ReadMeta(dir string) (Meta, error) {
	path := filepath.Join(dir, formatName) // a format that was begun is what counts
	data, err := readBounded(path, maxMetaBytes)
	if errors.Is(err, fs.ErrNotExist) {
		path = filepath.Join(dir, metaName)
		data, err = readBounded(path, maxMetaBytes)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Meta{}, missingMeta(dir, path)
	}
	if err != nil {
		return Meta{}, err
	}
	m, err := decodeMeta(data)
	switch {
	case errors.Is(err, errNewer):
		return Meta{}, errcode.New(errcode.ImageNewer, path, "%w", err)
	case err != nil:
		return Meta{}, errcode.New(errcode.ImageDamaged, path, "%v: %w", err, ErrDamaged).
			WithHint("restore this file from a backup; the data beside it is not touched")
	}
	return m, nil
}

func missingMeta(dir, path string) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	return errcode.New(errcode.ImageDamaged, path, "the cartridge memory is missing: %w", ErrDamaged).
		WithHint("restore this file from a backup; the data beside it is not touched")
}

// UpdateMeta changes the memory of the cartridge in dir durably. The caller holds the lock of the
// drive or library that the cartridge is in.
func UpdateMeta(dir string, change func(*Meta)) error {
	m, err := ReadMeta(dir)
	if err != nil {
		return err
	}
	if err := finishFormat(dir, m); err != nil {
		return err
	}
	change(&m)
	return writeMeta(dir, m)
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errcode.New(errcode.ImageDamaged, path, "longer than %d bytes: %w", limit, ErrDamaged)
	}
	return data, err
}
