package ssc

import (
	"context"
	"encoding/binary"

	"calypso/vtl/spc"
)

func logCommands() []command {
	return []command{
		{Name: "LOG SELECT", Action: spc.NoAction, Usage: spc.LogSelectUsage, Flags: changes, Run: (*Server).logSelect},
		{Name: "LOG SENSE", Action: spc.NoAction, Usage: spc.LogSenseUsage, Run: (*Server).logSense},
	}
}

// logs are the log pages of the drive. Those that only LTO drives have (30h to 32h) are as HPE's and IBM's.
func (s *Server) logs() spc.Logs {
	return spc.Logs{
		{Code: 0x02, Parameters: s.writeErrors, Reset: s.resetWriteErrors},
		{Code: 0x03, Parameters: s.readErrors, Reset: s.resetReadErrors},
		{Code: 0x0C, Parameters: s.sequentialAccess, Reset: s.resetSequentialAccess},
		{Code: 0x0D, Parameters: s.temperature},
		{Code: 0x11, Parameters: s.deviceStatus},
		{Code: 0x12, Parameters: s.alertResponse, Sent: s.seenAlerts},
		{Code: 0x14, Parameters: s.deviceStatistics, Reset: s.resetDeviceStatistics},
		{Code: 0x16, Parameters: s.diagnosticData, Sent: s.seenDiagnostics},
		{Code: 0x17, Parameters: s.volumeStatistics},
		{Code: 0x1B, Parameters: s.compression, Reset: s.resetCompression},
		{Code: 0x2E, Parameters: s.alertPage, Sent: s.clearAlerts},
		{Code: 0x30, Parameters: s.tapeUsage},
		{Code: 0x31, Parameters: s.tapeCapacity},
		{Code: 0x32, Parameters: s.vendorCompression, Reset: s.resetCompression},
	}
}

func (s *Server) logSense(_ context.Context, c *spc.Call) error { return s.logs().Sense(c) }

func (s *Server) logSelect(_ context.Context, c *spc.Call) error { return s.logs().Select(c) }

// number is a big-endian number of so many bytes; one that does not fit is the greatest that does not
// mean that the value is unknown.
func number(n int64, size int) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(max(n, 0)))
	if size < 8 && n >= 1<<(8*size)-1 {
		b = unknown(8)
		b[7] = 0xFE
	}
	return b[8-size:]
}

// unknown is a value that the drive does not have (SSC-5: all bits one).
func unknown(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = 0xFF
	}
	return b
}

// counter, data and text make a parameter of each kind.
func counter(code uint16, n int64, size int) spc.LogParameter {
	return spc.LogParameter{Code: code, Control: spc.LogCounter, Value: number(n, size)}
}

func data(code uint16, value []byte) spc.LogParameter {
	return spc.LogParameter{Code: code, Control: spc.LogData, Value: value}
}

func figure(code uint16, n int64, size int) spc.LogParameter { return data(code, number(n, size)) }

func text(code uint16, s string, size int) spc.LogParameter {
	return spc.LogParameter{Code: code, Control: spc.LogText, Value: spc.PadASCII(s, size)}
}

func frozen(code uint16, n int64, size int) spc.LogParameter {
	return spc.LogParameter{Code: code, Control: spc.LogFrozen, Value: number(n, size)}
}

func asBit(on bool) int64 {
	if on {
		return 1
	}
	return 0
}

const secondsPerHour = 3600
