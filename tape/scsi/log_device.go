package scsi

import "fmt"

// DeviceStatus is the very high frequency data of page 11h: how the drive is at this moment
// (ADC-4 6.1.3.2, SSC-5 8.4.6). Drives answer it even while they are busy.
type DeviceStatus struct {
	RemovalPrevented  bool `json:"removal_prevented"`      // PAMR
	HostUnload        bool `json:"host_initiated_unload"`  // HUI
	MemoryReadable    bool `json:"memory_accessible"`      // MACC
	Compressing       bool `json:"compression_enabled"`    // CMPR
	WriteProtected    bool `json:"write_protected"`        // WRTP
	CleaningRequested bool `json:"cleaning_requested"`     // CRQST: at the next opportunity
	CleaningRequired  bool `json:"cleaning_required"`      // CRQRD: before anything else
	Initialized       bool `json:"drive_initialized"`      // DINIT
	InTransition      bool `json:"in_transition"`          // INXTN
	RobotAllowed      bool `json:"robotic_access_allowed"` // RAA
	MediumPresent     bool `json:"medium_present"`         // MPRSNT
	MediumSeated      bool `json:"medium_seated"`          // MSTD
	MediumThreaded    bool `json:"medium_threaded"`        // MTHRD
	MediumMounted     bool `json:"medium_mounted"`         // MOUNTED
	EncryptionService bool `json:"encryption_service"`     // ESR: an external key manager is asked for
	RecoveryRequested bool `json:"recovery_requested"`     // RRQST
	InterfaceChanged  bool `json:"interface_changed"`      // INTFC
	AlertsChanged     bool `json:"alert_flags_changed"`    // TAFC
	Activity          byte `json:"activity_code"`          // see ActivityName
}

// DeviceStatus decodes page 11h; nil when it does not hold the data.
func (p LogPage) DeviceStatus() *DeviceStatus {
	found := p.parameter(0)
	if found == nil || len(found.Value) < 4 || notAvailable(found.Value) {
		return nil
	}
	b := found.Value
	return &DeviceStatus{
		RemovalPrevented: b[0]&0x80 != 0, HostUnload: b[0]&0x40 != 0, MemoryReadable: b[0]&0x20 != 0,
		Compressing: b[0]&0x10 != 0, WriteProtected: b[0]&0x08 != 0, CleaningRequested: b[0]&0x04 != 0,
		CleaningRequired: b[0]&0x02 != 0, Initialized: b[0]&0x01 != 0,
		InTransition: b[1]&0x80 != 0, RobotAllowed: b[1]&0x20 != 0, MediumPresent: b[1]&0x10 != 0,
		MediumSeated: b[1]&0x04 != 0, MediumThreaded: b[1]&0x02 != 0, MediumMounted: b[1]&0x01 != 0,
		Activity:          b[2],
		EncryptionService: b[3]&0x08 != 0, RecoveryRequested: b[3]&0x04 != 0,
		InterfaceChanged: b[3]&0x02 != 0, AlertsChanged: b[3]&0x01 != 0,
	}
}

// activityNames are the DT device activities (ADC-4 table 54).
var activityNames = [...]string{
	"idle", "cleaning", "loading", "unloading", "other medium activity", "reading", "writing", "locating", "rewinding",
	"erasing", "formatting", "calibrating", "other activity", "updating microcode", "reading encrypted",
	"writing encrypted", "running diagnostics",
}

// ActivityName says in words what the drive does.
func (s DeviceStatus) ActivityName() string {
	if int(s.Activity) < len(activityNames) {
		return activityNames[s.Activity]
	}
	return fmt.Sprintf("activity %02Xh", s.Activity)
}

// DeviceStatistics is page 14h: the life of the drive (SSC-5 8.4.7). Motion hours are those in which
// tape moved.
type DeviceStatistics struct {
	Loads                 *uint64       `json:"lifetime_loads"`
	Cleanings             *uint64       `json:"lifetime_cleanings"`
	PowerOnHours          *uint64       `json:"power_on_hours"`
	MotionHours           *uint64       `json:"motion_hours"`
	MetresProcessed       *uint64       `json:"tape_processed_metres"`
	IncompatibleAt        *uint64       `json:"incompatible_load_motion_hours"`
	TemperatureEventAt    *uint64       `json:"temperature_event_power_on_hours"`
	PowerEventAt          *uint64       `json:"power_event_power_on_hours"`
	SinceCleaning         *uint64       `json:"since_cleaning_motion_hours"`
	Since2ndCleaning      *uint64       `json:"since_2nd_last_cleaning_motion_hours"`
	Since3rdCleaning      *uint64       `json:"since_3rd_last_cleaning_motion_hours"`
	ForcedResetAt         *uint64       `json:"forced_reset_power_on_hours"`
	PowerCycles           *uint64       `json:"power_cycles"`
	LoadsSinceReset       *uint64       `json:"loads_since_parameter_reset"`
	HardWriteErrors       *uint64       `json:"hard_write_errors"`
	HardReadErrors        *uint64       `json:"hard_read_errors"`
	ManufacturerSerial    *string       `json:"manufacturer_serial"`
	Serial                *string       `json:"serial"`
	ManufactureDate       *string       `json:"manufacture_date"` // YYYYMMDD
	RemovalPrevented      *bool         `json:"removal_prevented"`
	MaxTemperatureExceeds *bool         `json:"max_temperature_exceeded"`
	MotionByDensity       []MotionHours `json:"motion_hours_by_density"`
}

// MotionHours is how long the drive moved cartridges of one kind.
type MotionHours struct {
	DensityCode byte   `json:"density_code"`
	MediumType  byte   `json:"medium_type"`
	Hours       uint64 `json:"motion_hours"`
}

// DeviceStatistics decodes page 14h.
func (p LogPage) DeviceStatistics() DeviceStatistics {
	return DeviceStatistics{
		Loads: p.Uint(0x00), Cleanings: p.Uint(0x01), PowerOnHours: p.Uint(0x02), MotionHours: p.Uint(0x03),
		MetresProcessed: p.Uint(0x04), IncompatibleAt: p.Uint(0x05), TemperatureEventAt: p.Uint(0x06),
		PowerEventAt: p.Uint(0x07), SinceCleaning: p.Uint(0x08), Since2ndCleaning: p.Uint(0x09),
		Since3rdCleaning: p.Uint(0x0A), ForcedResetAt: p.Uint(0x0B), PowerCycles: p.Uint(0x0C),
		LoadsSinceReset: p.Uint(0x0D), HardWriteErrors: p.Uint(0x0E), HardReadErrors: p.Uint(0x0F),
		ManufacturerSerial: p.Text(0x40), Serial: p.Text(0x41), ManufactureDate: p.Text(0x42),
		RemovalPrevented: p.Bool(0x80), MaxTemperatureExceeds: p.Bool(0x81), MotionByDensity: p.motionHours(),
	}
}

// motionHours reads parameter 1000h: entries of 8 bytes.
func (p LogPage) motionHours() []MotionHours {
	found := p.parameter(0x1000)
	if found == nil {
		return nil
	}
	var list []MotionHours
	for b := found.Value; len(b) >= 8; b = b[8:] {
		if hours := logNumber(b[4:8]); hours != nil {
			list = append(list, MotionHours{DensityCode: b[2], MediumType: b[3], Hours: *hours})
		}
	}
	return list
}
