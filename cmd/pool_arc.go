package cmd

import (
	"context"

	"calypso/sys/errcode"
	"calypso/zfs/pool"
)

func poolARCVerb() *command {
	return &command{
		Name: "arc", Summary: "show the read cache of ZFS (ARC): hit ratio and sizes",
		Description: "Shows how large the cache is and may become, and how many of the accesses since the module was loaded found what they wanted. All figures are those of the kernel (arcstats), which differ from release to release: what a release does not have is not known.",
		Examples:    []example{{"calypso pool arc", "the cache"}, {"calypso pool arc --json | jq .hit_percent.all", "the hit ratio, for a script"}},
		Exits:       []errcode.Exit{errcode.ExitUnsupported},
		Run:         runPoolARC,
	}
}

// arcDoc is `calypso pool arc --json`.
type arcDoc struct {
	SizeBytes     *uint64           `json:"size_bytes"`
	TargetBytes   *uint64           `json:"target_bytes"`
	MinBytes      *uint64           `json:"min_bytes"`
	MaxBytes      *uint64           `json:"max_bytes"`
	DataBytes     *uint64           `json:"data_bytes"`
	MetadataBytes *uint64           `json:"metadata_bytes"`
	MRUBytes      *uint64           `json:"mru_bytes"`
	MFUBytes      *uint64           `json:"mfu_bytes"`
	L2Devices     *uint64           `json:"l2_devices"`
	L2Bytes       *uint64           `json:"l2_bytes"`
	Throttled     *uint64           `json:"memory_throttle_count"`
	Hit           arcHitDoc         `json:"hit_percent"`
	Figures       map[string]uint64 `json:"figures"` // all, by the kernel's names
}

// arcHitDoc is how many percent of accesses found what they wanted; null: there were none.
type arcHitDoc struct {
	All              *float64 `json:"all"`
	DemandData       *float64 `json:"demand_data"`
	DemandMetadata   *float64 `json:"demand_metadata"`
	PrefetchData     *float64 `json:"prefetch_data"`
	PrefetchMetadata *float64 `json:"prefetch_metadata"`
	L2               *float64 `json:"l2"`
}

func runPoolARC(_ context.Context, inv *invocation) error {
	a, err := pool.ReadARC(zfsTools())
	if err != nil {
		return err
	}
	doc := arcDoc{
		SizeBytes: a.Figure("size"), TargetBytes: a.Figure("c"), MinBytes: a.Figure("c_min"), MaxBytes: a.Figure("c_max"),
		DataBytes: a.Figure("data_size"), MetadataBytes: a.Figure("metadata_size"), MRUBytes: a.Figure("mru_size"), MFUBytes: a.Figure("mfu_size"),
		L2Devices: a.Figure("l2_ndev"), L2Bytes: a.Figure("l2_size"), Throttled: a.Figure("memory_throttle_count"), Figures: a,
		Hit: arcHitDoc{a.HitPercent(""), a.HitPercent("demand_data_"), a.HitPercent("demand_metadata_"), a.HitPercent("prefetch_data_"),
			a.HitPercent("prefetch_metadata_"), a.HitPercent("l2_")},
	}
	return inv.emit(doc, func(p *page) { p.arc(doc) })
}

func (p *page) arc(doc arcDoc) {
	percent := func(x *float64) *string { return formatted(x, "%.1f %%") }
	p.pairs("size", spaceCell(doc.SizeBytes), "target", spaceCell(doc.TargetBytes), "minimum", spaceCell(doc.MinBytes), "maximum", spaceCell(doc.MaxBytes),
		"data", spaceCell(doc.DataBytes), "metadata", spaceCell(doc.MetadataBytes), "recently used", spaceCell(doc.MRUBytes), "frequently used", spaceCell(doc.MFUBytes),
		"second level", spaceCell(doc.L2Bytes),
		"hits", percent(doc.Hit.All), "hits, demand data", percent(doc.Hit.DemandData), "hits, demand metadata", percent(doc.Hit.DemandMetadata),
		"hits, prefetch data", percent(doc.Hit.PrefetchData), "hits, prefetch metadata", percent(doc.Hit.PrefetchMetadata), "hits, second level", percent(doc.Hit.L2),
		"throttled by memory", numberCell(doc.Throttled))
}
