package cmd

import (
	"calypso/tape/health"
	"calypso/tape/scsi"
)

// healthPagesDoc are the figures of the log pages. A page that the drive does not have, or that makes no
// sense without a cartridge, is null; so is a figure that is not in its page.
type healthPagesDoc struct {
	WriteErrors      *scsi.ErrorCounters    `json:"write_errors"`      // 02h
	ReadErrors       *scsi.ErrorCounters    `json:"read_errors"`       // 03h
	NonMediumErrors  *uint64                `json:"non_medium_errors"` // 06h
	SequentialAccess *scsi.SequentialAccess `json:"sequential_access"` // 0Ch
	Temperature      *scsi.Temperature      `json:"temperature"`       // 0Dh
	DeviceStatus     *deviceStatusDoc       `json:"device_status"`     // 11h
	DeviceStatistics *scsi.DeviceStatistics `json:"device_statistics"` // 14h
	LastErrors       *[]lastErrorDoc        `json:"last_errors"`       // 16h
	VolumeStatistics *scsi.VolumeStatistics `json:"volume_statistics"` // 17h
	DataCompression  *scsi.DataCompression  `json:"data_compression"`  // 1Bh, 32h
	TapeUsage        *scsi.TapeUsage        `json:"tape_usage"`        // 30h
	TapeCapacity     *scsi.TapeCapacity     `json:"tape_capacity"`     // 31h
}

type deviceStatusDoc struct {
	scsi.DeviceStatus
	ActivityName string `json:"activity"`
}

// lastErrorDoc is an error that the drive remembers.
type lastErrorDoc struct {
	MotionHours   *uint64 `json:"motion_hours"`
	Command       string  `json:"command"`
	Sense         string  `json:"sense"`
	Key           string  `json:"key"`
	ASC           string  `json:"asc"`
	ASCQ          string  `json:"ascq"`
	MediumSerial  *string `json:"medium_serial"`
	DensityCode   string  `json:"density_code"`
	Repeated      bool    `json:"repeated"`
	SinceCleaning *uint64 `json:"since_cleaning_motion_hours"`
}

func newHealthPagesDoc(f health.Facts) healthPagesDoc {
	doc := healthPagesDoc{
		WriteErrors: f.WriteErrors, ReadErrors: f.ReadErrors, NonMediumErrors: f.NonMedium, SequentialAccess: f.Sequential,
		Temperature: f.Temperature, DeviceStatistics: f.Device, VolumeStatistics: f.Volume, DataCompression: f.Compression,
		TapeUsage: f.Usage, TapeCapacity: f.Capacity,
	}
	if f.Status != nil {
		doc.DeviceStatus = &deviceStatusDoc{*f.Status, f.Status.ActivityName()}
	}
	if f.HasErrors {
		doc.LastErrors = newLastErrorDocs(f.Errors)
	}
	return doc
}

func newLastErrorDocs(list []scsi.TapeDiagnostic) *[]lastErrorDoc {
	docs := []lastErrorDoc{}
	for _, d := range list {
		sense := failure{sense: &scsi.Sense{Key: d.Key, ASC: d.ASC}}.doc().Sense
		docs = append(docs, lastErrorDoc{d.MotionHours, d.Command(), sense.Text, sense.Key, sense.ASC, sense.ASCQ, orNull(d.MediumID),
			densityCodeText(d.DensityCode), d.Repeated, d.SinceCleaning})
	}
	return &docs
}
