package jobs

import (
	"context"
	"math"
	"slices"
	"strings"

	"daybook/internal/project"
	"daybook/internal/stage"
)

// Contract makes, of what a probe saw, a contract that takes every record of the objects: inferred types, required where no value is
// missing, and as a key the first column or pair of columns that no two records have alike. What the first records make believe and
// later ones disprove is loosened until it fits. The result is of staging by the contract; it has rejects only where texts are no records.
func (p *Probe) Contract(ctx context.Context, found Probed, look stage.Inferred) (project.Source, stage.Result, error) {
	contract := found.Source
	contract.Columns, contract.Key, contract.Duplicates, contract.LatestBy = nil, nil, "fail", ""
	for _, c := range look.Columns {
		if strings.Contains(c.From, "${") { // the files of a project have no way to write it
			continue
		}
		contract.Columns = append(contract.Columns, project.Column{Name: c.Name, From: c.From, Type: c.Type, Required: look.Records > 0 && c.Null == 0 && c.Absent == 0})
	}
	trial := contract
	trial.Columns = slices.Clone(contract.Columns)
	trial.MaxRejects, trial.Empty, trial.NewColumns = math.MaxInt64, "ok", "ignore"
	var result stage.Result
	for loosened := true; loosened; {
		var err error
		if result, err = p.Stage(ctx, found, trial); err != nil {
			return contract, result, err
		}
		unfit, err := stage.Distinct(ctx, []string{result.Rejects}, "column")
		if err != nil {
			return contract, result, err
		}
		loosened = false
		for i := range trial.Columns {
			if slices.Contains(unfit, trial.Columns[i].Name) {
				loosened = loosen(&trial.Columns[i]) || loosened
			}
		}
	}
	contract.Columns = trial.Columns
	var err error
	contract.Key, err = stage.Unique(ctx, result.Data, keyable(contract.Columns))
	return contract, result, err
}

// loosen makes a column take more, as long as there is more to take.
func loosen(c *project.Column) bool {
	switch {
	case c.Required:
		c.Required = false
	case c.Type.Scalar() && c.Type != "text":
		c.Type = "text"
	case !c.Type.Scalar() && c.Type != "json":
		c.Type = "json"
	default:
		return false
	}
	return true
}

// keyable are the columns by which records may be told apart.
func keyable(columns []project.Column) []string {
	var names []string
	for _, c := range columns {
		if c.Required && c.Type.Scalar() && c.Type != "boolean" && c.Type != "double" {
			names = append(names, c.Name)
		}
	}
	return names
}
