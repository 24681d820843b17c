package cmd

import (
	"fmt"
	"strings"

	"calypso/tape"
	"calypso/tape/key"
	"calypso/tape/scsi"
	"calypso/tape/status"
)

// mediumDoc is the cartridge in the drive. Amounts are native; capacity_bytes, used_bytes and
// remaining_bytes are the sum of its partitions.
type mediumDoc struct {
	Barcode        *string `json:"barcode"`
	Generation     *string `json:"generation"`
	Kind           *string `json:"kind"` // data, worm, cleaning
	DensityCode    *string `json:"density_code"`
	MediumType     *string `json:"medium_type"`
	WriteProtected *bool   `json:"write_protected"`
	Switch         *bool   `json:"write_protect_switch"`
	Software       *bool   `json:"write_protect_software"`
	WORM           *bool   `json:"worm"`
	CapacityBytes  *int64  `json:"capacity_bytes"`
	UsedBytes      *int64  `json:"used_bytes"`
	RemainingBytes *int64  `json:"remaining_bytes"`
	LoadCount      *int64  `json:"load_count"`
	WrittenBytes   *int64  `json:"written_lifetime_bytes"`
	ReadBytes      *int64  `json:"read_lifetime_bytes"`
	Serial         *string `json:"serial"`
	Manufacturer   *string `json:"manufacturer"`
	Application    *string `json:"application"` // the software that last named itself in the memory
	UserText       *string `json:"user_text"`
	Owner          *string `json:"owner"`
	MediaPool      *string `json:"media_pool"`
	BlockBytes     *int    `json:"block_bytes"`
}

func newMediumDoc(f status.Facts) *mediumDoc {
	m, a := *f.Medium, f.Amounts()
	return &mediumDoc{
		Barcode: orNull(m.Barcode), Generation: orNull(m.Generation), Kind: orNull(f.Kind()),
		DensityCode: addressOf(densityCodeText(m.DensityCode)), MediumType: addressOf(densityCodeText(m.MediumType)),
		WriteProtected: &m.WriteProtected, Switch: f.Switch(), Software: f.Protection, WORM: &m.WORM,
		CapacityBytes: a.CapacityBytes, UsedBytes: a.UsedBytes, RemainingBytes: a.RemainingBytes,
		LoadCount: known(m.LoadCount), WrittenBytes: known(m.WrittenBytes), ReadBytes: known(m.ReadBytes),
		Serial: orNull(m.Serial), Manufacturer: orNull(m.Manufacturer), Application: orNull(m.Application),
		UserText: orNull(m.UserText), Owner: orNull(m.Owner), MediaPool: orNull(m.MediaPool), BlockBytes: &m.BlockLength,
	}
}

// compressionDoc has the ratios of this load: 2.5 is five bytes of the host in the room of two.
type compressionDoc struct {
	Capable    bool     `json:"capable"`
	Enabled    bool     `json:"enabled"`
	WriteRatio *float64 `json:"write_ratio"`
	ReadRatio  *float64 `json:"read_ratio"`
}

func newCompressionDoc(f status.Facts) *compressionDoc {
	if f.Setting == nil {
		return nil
	}
	r := f.Ratios()
	return &compressionDoc{f.Setting.Capable, f.Setting.Enabled, r.Written, r.Read}
}

// driveEncryptionDoc is how the drive encrypts at this moment; null in its place: it cannot, or does not
// tell.
type driveEncryptionDoc struct {
	Encryption string  `json:"encryption"`
	Decryption string  `json:"decryption"`
	Scope      string  `json:"scope"`
	KeyID      *string `json:"key_id"`
	KeyName    *string `json:"key_name"`
}

func newDriveEncryptionDoc(s *scsi.EncryptionStatus) *driveEncryptionDoc {
	if s == nil {
		return nil
	}
	return &driveEncryptionDoc{Encryption: wordOf(encryptionModes, s.Encryption), Decryption: wordOf(decryptionModes, s.Decryption),
		Scope: wordOf(encryptScopes, s.KeyScope), KeyID: orNull(tape.KeyID(s.KADs))}
}

// nameKey adds the name that the key has in the key store.
func (doc *statusDoc) nameKey(store *key.Store) {
	e := doc.Encryption
	if e == nil || e.KeyID == nil || !key.IsID(*e.KeyID) {
		return
	}
	if rec, err := store.Get(*e.KeyID); err == nil {
		e.KeyName = &rec.Name
	}
}

func (e *driveEncryptionDoc) String() string {
	if e == nil {
		return "not known"
	}
	text := e.Encryption
	if e.Encryption != e.Decryption {
		text += ", decryption " + e.Decryption
	}
	if e.KeyID != nil {
		text += ", key " + *e.KeyID
	}
	if e.KeyName != nil {
		text += fmt.Sprintf(" (%s)", *e.KeyName)
	}
	return text
}

func (c *compressionDoc) String() string {
	switch {
	case c == nil:
		return "not known"
	case !c.Capable:
		return "the drive cannot"
	}
	return modeCell(c.Enabled) + ratioText("written", c.WriteRatio) + ratioText("read", c.ReadRatio)
}

func ratioText(what string, r *float64) string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf(", %.2f:1 %s", *r, what)
}

// statusAlertsDoc is how many alerts there are and the worst of them; null in its place: nobody knows. See
// 'lto alerts' for all.
type statusAlertsDoc struct {
	Source      string     `json:"source"`
	Count       int        `json:"count"`
	Critical    int        `json:"critical"`
	Warning     int        `json:"warning"`
	Information int        `json:"information"`
	Worst       []alertDoc `json:"worst"`
}

// worstAlerts is how many alerts are shown.
const worstAlerts = 3

func newStatusAlertsDoc(a *tape.Alerts) *statusAlertsDoc {
	if a == nil {
		return nil
	}
	var all alertsDoc
	all.set(a)
	doc := &statusAlertsDoc{Source: *all.Source, Count: len(*all.Alerts)}
	numbers := map[string]*int{"critical": &doc.Critical, "warning": &doc.Warning, "information": &doc.Information}
	for _, severity := range []string{"critical", "warning", "information"} {
		for _, alert := range *all.Alerts {
			if alert.Severity != severity {
				continue
			}
			if *numbers[severity]++; len(doc.Worst) < worstAlerts {
				doc.Worst = append(doc.Worst, alert)
			}
		}
	}
	return doc
}

func (a *statusAlertsDoc) String() string {
	switch {
	case a == nil:
		return "not known"
	case a.Count == 0 && a.Source == "cartridge_previous_load":
		return "none in the previous load of the cartridge; of now nothing is known"
	case a.Count == 0:
		return "none"
	}
	text := ""
	for _, w := range a.Worst {
		text += fmt.Sprintf("; %d %s (%s)", w.Flag, w.Name, w.Severity)
	}
	if a.Count > len(a.Worst) {
		text += fmt.Sprintf("; %d more", a.Count-len(a.Worst))
	}
	if a.Source == "cartridge_previous_load" {
		text += "; all of the previous load of the cartridge"
	}
	return fmt.Sprint(a.Count) + ":" + strings.TrimPrefix(text, ";")
}
