package project

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// programs reads exec: of daybook.yaml, the programs that sources may name.
func (l *loader) programs(m *mapping) {
	sub := m.sub("exec")
	if sub == nil {
		return
	}
	l.exec = map[string]Exec{}
	for _, k := range sub.keys {
		name := keyName(k)
		if !nodeName.MatchString(name) {
			m.doc.fail(k.Key, fmt.Sprintf("%q cannot be the name of a program", name), "use a-z, 0-9 and _, beginning with a letter")
		}
		e := sub.sub(name)
		if e == nil {
			m.doc.fail(k.Key, "the program "+name+" says nothing", "write run: [PROGRAM, ARGUMENT, \"{day}\"]")
			continue
		}
		x := Exec{Command: name, Run: e.list("run"), Env: e.texts("env"), Timeout: e.duration("timeout", 10*time.Minute), Output: e.bytes("output", 20e9)}
		if len(x.Run) == 0 || x.Run[0] == "" {
			m.doc.fail(e.at("run"), "the program "+name+" does not say what to run", "write run: [PROGRAM, ARGUMENT, \"{day}\"]")
		}
		for _, v := range slices.Sorted(maps.Keys(x.Env)) {
			if !envName.MatchString(v) {
				m.doc.fail(e.value("env"), v+" cannot be the name of an environment variable", "use letters, digits and _")
			}
		}
		e.execPlain(x.Env)
		e.finish()
		l.exec[name] = x
	}
}

// execSource reads the settings of from: exec. What the program is asked is written in daybook.yaml, and is as much of the source's
// question as what its own file says; the environment says as whom.
func (l *loader) execSource(m *mapping, s *Source) {
	name := m.str("command", "")
	x, ok := l.exec[name]
	switch {
	case name == "":
		m.doc.fail(m.at("command"), "a source from exec names no command", "write command: with a name of exec: in "+Filename)
	case !ok && l.settled:
		known := "it lists none yet"
		if len(l.exec) > 0 {
			known = "known there: " + strings.Join(slices.Sorted(maps.Keys(l.exec)), ", ")
		}
		m.doc.fail(m.value("command"), fmt.Sprintf("exec: in %s allows no command %s", Filename, name), "add it there; "+known)
	}
	s.Exec, s.Format = x, "ndjson"
	run, err := json.Marshal(x.Run)
	if err != nil {
		m.doc.failAs(m.at("command"), err)
	}
	s.Asks = "run: " + string(run) + "\n"
}
