package dataset

import (
	"context"
	"strings"

	"calypso/zfs"
)

// Pruned is what a retention does to the snapshots of one dataset.
type Pruned struct {
	Dataset  string
	Verdicts []Verdict // newest first
}

// Destroy are the snapshots that go.
func (p Pruned) Destroy() []string {
	var list []string
	for _, v := range p.Verdicts {
		if len(v.Reasons) == 0 {
			list = append(list, v.Name)
		}
	}
	return list
}

// PlanPrune tells what a retention keeps, for each dataset apart. Snapshots whose names do not begin with prefix
// are neither counted nor destroyed.
func (s Store) PlanPrune(ctx context.Context, dataset string, recursive bool, prefix string, r Retention) ([]Pruned, error) {
	if err := zfs.CheckDataset(dataset); err != nil {
		return nil, err
	}
	var order []string
	of := map[string][]Snapshot{}
	err := s.Snapshots(ctx, dataset, recursive, func(snap Snapshot) {
		if d := snap.Dataset(); strings.HasPrefix(snap.Short(), prefix) {
			if of[d] == nil {
				order = append(order, d)
			}
			of[d] = append(of[d], snap)
		}
	})
	var plan []Pruned
	for _, d := range order {
		plan = append(plan, Pruned{d, r.Keep(of[d])})
	}
	return plan, err
}

// Prune destroys what a plan says. One dataset that fails (a snapshot was held meanwhile) does not keep the others.
func (s Store) Prune(ctx context.Context, plan []Pruned) error {
	var plans []SnapshotPlan
	for _, p := range plan {
		if list := p.Destroy(); len(list) > 0 {
			plans = append(plans, SnapshotPlan{Spec: p.Dataset, Snapshots: list})
		}
	}
	return s.DestroyEach(ctx, plans)
}
