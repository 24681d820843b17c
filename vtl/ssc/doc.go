// Package ssc is a virtual LTO tape drive: a device server that answers SCSI commands over a Medium
// as a drive of generation LTO-5 to LTO-10 does (SSC-5, with SPC-5 for what all devices share). It
// implements scsi.Transport, so a host cannot tell it from /dev/sg.
//
// The command table is in table.go; a command is one entry there and one handler. Sense data is in
// fixed format until a host sets D_SENSE. A CHECK CONDITION whose reason lies with the host that plays the drive (its file
// system is full, the image is damaged) is a *spc.CauseError: errors.As finds the *scsi.SenseError in
// it, errors.Is finds the cause, e.g. syscall.ENOSPC.
//
// Choices where the standard leaves one, or where drives differ:
//   - LOCATE(16) to a logical file goes to its first object, after the filemark, as SSC-5 and HPE
//     drives have it; IBM drives stop before the filemark.
//   - After an unrecovered read error the position is behind the block that could not be read; it stays
//     before one that encryption keeps from being read.
//   - A block that was tampered with is 7/74/04, as is one at another place than it was written at.
//   - A nexus that LOCK holds to a key which is gone is refused WRITE, 7/2A/13; filemarks are not data.
//   - Residuals of SPACE in reverse are magnitudes.
//   - ERASE, long or short, removes everything from the position on.
//   - Early warning is reported by every WRITE and WRITE FILEMARKS that ends at or behind it.
//   - A cartridge that the drive cannot read stays in it, not ready, 2/30/00; one that it can only
//     read refuses writes with 7/30/05.
//   - REWIND stays in the active partition, LOAD goes to the first one.
//   - SDP and FDP of the medium partition page make equal partitions; IDP gives each what was asked
//     for, the least being a pair of wraps, and what nobody asked for is lost. Only FORMAT MEDIUM
//     divides a tape (POFM is always one), and never a WORM one.
//   - Programmable early warning is reported by the write that gets into its zone, once; READ POSITION
//     says BPEW in the zone and behind it.
//   - A WORM cartridge takes data at its end. The filemarks there may be overwritten but for the
//     first (medium configuration page: filemark restrictions 02h), blocks may not, be they labels. In
//     append-only mode the same holds until ALLOW OVERWRITE; what is refused is 7/30/0C.
//   - SEW of the device configuration page is done, REW is not: early warning is for writes. WTRE is
//     accepted and means nothing, for no cartridge is found to be tampered with.
//   - Reading the TapeAlert log page to its end clears the flags; a read that was cut does not, as the
//     host has not seen them. Flags about a cartridge go with the next load, flags about the drive
//     (cleaning, hardware) with what corrects them or a power cycle.
//   - The counters of the log pages 02h, 03h, 0Ch, 1Bh and 32h are those of the load; LOG SELECT sets
//     them back. There are no thresholds.
//   - Metres, motion hours and passes are those that a drive of this generation would have: travel.go.
//   - A cleaning cartridge cleans as soon as it is inserted and stays in the drive, not ready, 2/30/03, or
//     2/30/07 when it had no cleanings left. Its memory can be read; nothing else on it can.
//   - A request for cleaning (TapeAlert 20, 21) outlives the flags, which hosts clear by reading them.
//   - Data encryption parameters are kept for each nexus, with the scopes of SSC-5. Who shares its own with all
//     and goes back to PUBLIC or LOCAL ends the sharing. A preemption is not what CKORL is about, only CKORP.
//
// A drive compresses only when it is told to (Config.Compression, mode page 0Fh), and encrypts with
// AES-256-GCM (SECURITY PROTOCOL OUT). Blocks that it changed are stored as envelopes.
//
// Limits: setmarks and the obsolete forms are refused. Where the first encrypted block of a tape is (log page 17h,
// 0200h and 0201h; attributes 0224h and 0225h) is not known.
package ssc
