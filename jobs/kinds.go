package jobs

import (
	"context"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/store"
)

// kinds is every kind of task: how a node of that kind is built for a day.
var kinds = map[string]func(context.Context, *work) (outcome, error){
	project.KindSource:      buildSource,      // fetch, then stage: source → lake raw → lake stage
	project.KindTable:       buildQuery,       // load: stage → warehouse
	project.KindMart:        buildQuery,       // refresh: warehouse → warehouse
	project.KindReport:      buildReport,      // figures: warehouse → edition
	project.KindPublication: buildPublication, // publish: warehouse → production store
}

// work is one attempt at a build.
type work struct {
	*Runner
	node    *Node
	day     calendar.Day // the day asked for; a current state is made as of it
	cell    Cell
	run     store.Run
	task    *store.Task
	again   bool // ask the source again although its bytes are there
	partial bool // make a report of what there is
	log     func(level, format string, args ...any)
}

// outcome is what an attempt gave. The build counts only with StateDone.
type outcome struct {
	state  string
	build  store.Build
	checks []store.CheckResult
}

// built is the outcome of success.
func (w *work) built(b store.Build, checks []store.CheckResult) outcome {
	b.Node, b.Kind, b.Day, b.AsOf = w.node.Name, w.node.Kind, w.cell.Day, w.day
	b.Definition, b.State, b.Run, b.Task, b.At = w.node.Definition, store.StateDone, w.run.ID, w.task.ID, w.Now()
	return outcome{state: store.StateDone, build: b, checks: checks}
}
