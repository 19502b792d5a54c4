package project

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"daybook/internal/calendar"
)

// scalar returns the text of a scalar node with ${NAME} replaced from the environment.
func (d *document) scalar(n ast.Node, what string) (string, bool) {
	var s string
	switch n := n.(type) {
	case *ast.StringNode:
		s = n.Value
	case *ast.LiteralNode:
		s = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		s = n.GetToken().Value
	default:
		d.unreadable(n, what+" is not a single value", `write one value, in "quotes" when it holds {, [ or :`)
		return "", false
	}
	whole := true
	s = expand(s, func(name string) string {
		v, ok := d.env(name)
		switch {
		case !envName.MatchString(name):
			d.fail(n, fmt.Sprintf("${%s} names no environment variable", name), "write ${NAME} with letters, digits and _")
			whole = false
		case !ok:
			d.fail(n, fmt.Sprintf("environment variable %s is not set", name), fmt.Sprintf("export %s=… before starting daybook", name))
			whole = false
		}
		return v
	})
	if !whole {
		d.broken[n] = true
	}
	return s, whole
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${NAME} only; a lone $ and $day stay.
func expand(s string, value func(string) string) string {
	for from := 0; ; {
		i := strings.Index(s[from:], "${")
		if i < 0 {
			return s
		}
		i += from
		j := strings.IndexByte(s[i:], '}')
		if j < 0 {
			return s
		}
		v := value(s[i+2 : i+j])
		s = s[:i] + v + s[i+j+1:]
		from = i + len(v)
	}
}

// at is where to look for a key: at its value, or at the mapping that lacks it.
func (m *mapping) at(key string) ast.Node {
	if n := m.value(key); n != nil {
		return n
	}
	return m.node
}

func (m *mapping) str(key, fallback string) string {
	n := m.value(key)
	if n == nil {
		return fallback
	}
	s, ok := m.doc.scalar(n, key)
	if !ok {
		return fallback
	}
	return s
}

// text is the keys that are wanted, in order and each "key: value as JSON" on a line, before the environment is put in: comments,
// quotes and the order of lines are not in it.
func (m *mapping) text(wanted func(key string) bool) string {
	var lines []string
	for _, k := range m.keys {
		if !wanted(keyName(k)) {
			continue
		}
		var v any
		if err := yaml.NodeToValue(k.Value, &v); err != nil {
			m.doc.failAs(k.Value, err)
			continue
		}
		text, err := json.Marshal(v)
		if err != nil {
			m.doc.failAs(k.Value, err)
			continue
		}
		lines = append(lines, keyName(k)+": "+string(text))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

var rateRE = regexp.MustCompile(`^(\d+(?:\.\d+)?)/(s|m|h)$`)

// rate reads "5/s", "100/m" or "1000/h" as a number a second; 0 when absent.
func (m *mapping) rate(key string) float64 {
	n := m.value(key)
	if n == nil {
		return 0
	}
	s, _ := m.doc.scalar(n, key)
	match := rateRE.FindStringSubmatch(s)
	if match == nil {
		m.doc.fail(n, fmt.Sprintf("%s is %q", key, s), "write a rate such as 5/s, 100/m or 1000/h")
		return 0
	}
	v, err := strconv.ParseFloat(match[1], 64)
	if err != nil || v <= 0 {
		m.doc.fail(n, fmt.Sprintf("%s is %q", key, s), "write a rate above 0")
		return 0
	}
	return v / map[string]float64{"s": 1, "m": 60, "h": 3600}[match[2]]
}

var bytesRE = regexp.MustCompile(`^(\d{1,9}) ?([KMGT]?)B$`)

// bytes reads "64MB" as a number of bytes, with K = 1000.
func (m *mapping) bytes(key string, fallback int64) int64 {
	n := m.value(key)
	if n == nil {
		return fallback
	}
	s, _ := m.doc.scalar(n, key)
	match := bytesRE.FindStringSubmatch(s)
	if match == nil {
		m.doc.fail(n, fmt.Sprintf("%s is %q", key, s), "write an amount such as 500KB, 64MB or 10GB")
		return fallback
	}
	v, _ := strconv.ParseInt(match[1], 10, 64) // at most nine digits
	return v * map[string]int64{"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[match[2]]
}

// secret reads a reference to a secret; a secret itself is refused.
func (m *mapping) secret(key string) string {
	n := m.value(key)
	if n == nil {
		return ""
	}
	s, _ := m.doc.scalar(n, key)
	if !secretRE.MatchString(s) {
		m.doc.fail(n, key+" is not a reference to a secret", "write env:NAME, file:PATH, aws-secretsmanager:NAME or aws-ssm:NAME, never the secret itself")
		return ""
	}
	return s
}

var secretRE = regexp.MustCompile(`^(env|file|aws-secretsmanager|aws-ssm):.+$`)

// aws reads how to reach AWS; everything absent is what the environment says.
func (m *mapping) aws() AWS {
	sub := m.sub("aws")
	if sub == nil {
		return AWS{}
	}
	a := AWS{Region: sub.str("region", ""), Endpoint: sub.str("endpoint", ""), AccessKey: sub.secret("access_key"), SecretKey: sub.secret("secret_key")}
	if (a.AccessKey == "") != (a.SecretKey == "") {
		m.doc.fail(sub.node, "one of access_key and secret_key is missing", "write both, or neither for the credentials of the environment")
	}
	sub.finish()
	return a
}

// one reads a string out of a fixed set.
func (m *mapping) one(key, fallback string, allowed ...string) string {
	s := m.str(key, fallback)
	if n := m.value(key); n != nil && !slices.Contains(allowed, s) {
		allowed = slices.DeleteFunc(allowed, func(a string) bool { return a == "" })
		m.doc.fail(n, fmt.Sprintf("%s cannot be %q", key, s), "write "+strings.Join(allowed, ", "))
		return fallback
	}
	return s
}

func (m *mapping) integer(key string, fallback, low int64) int64 {
	n := m.value(key)
	if n == nil {
		return fallback
	}
	s, ok := m.doc.scalar(n, key)
	v, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
	if !ok || err != nil || v < low {
		m.doc.fail(n, fmt.Sprintf("%s is %q", key, s), fmt.Sprintf("write a whole number of at least %d", low))
		return fallback
	}
	return v
}

func (m *mapping) boolean(key string, fallback bool) bool {
	n := m.value(key)
	if n == nil {
		return fallback
	}
	if b, ok := n.(*ast.BoolNode); ok {
		return b.Value
	}
	m.doc.fail(n, key+" is neither true nor false", "write true or false, without quotes")
	return fallback
}

// list reads one scalar or a sequence of scalars.
func (m *mapping) list(key string) []string {
	n := m.value(key)
	if n == nil {
		return nil
	}
	return m.doc.list(n, key)
}

func (d *document) list(n ast.Node, what string) []string {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		if s, ok := d.scalar(n, what); ok {
			return []string{s}
		}
		return nil
	}
	out := make([]string, 0, len(seq.Values))
	for _, v := range seq.Values {
		if s, ok := d.scalar(v, what); ok {
			out = append(out, s)
		}
	}
	return out
}

// each calls f for every mapping of a sequence.
func (m *mapping) each(key string, f func(*mapping)) {
	n := m.value(key)
	if n == nil {
		return
	}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		m.doc.fail(n, key+" is not a list", `begin each entry with "- "`)
		return
	}
	for _, v := range seq.Values {
		if entry := m.doc.mapping(v, "an entry of "+key); entry != nil {
			f(entry)
		}
	}
}

// sub reads a nested mapping, nil when absent.
func (m *mapping) sub(key string) *mapping {
	n := m.value(key)
	if n == nil {
		return nil
	}
	return m.doc.mapping(n, key)
}

// words reads one string for every locale, or {ko: …, en: …}.
func (m *mapping) words(key string) Words {
	n := m.value(key)
	if n == nil {
		return nil
	}
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		sub := m.doc.mapping(n, key)
		w := Words{}
		for _, l := range []string{"ko", "en"} {
			if sub.value(l) != nil {
				w[l] = sub.str(l, "") // may be empty: English has no word where Korean counts by one
			}
		}
		sub.finish()
		if len(w) == 0 {
			m.doc.fail(n, key+" says nothing in any language", "write {ko: …, en: …}, or one text for both")
		}
		return w
	}
	s, _ := m.doc.scalar(n, key)
	if s == "" {
		m.doc.fail(n, key+" is empty", "write a text, or leave the key out")
	}
	return Words{"": s}
}

func (m *mapping) zone(key string, fallback *time.Location) *time.Location {
	n := m.value(key)
	if n == nil {
		return fallback
	}
	s, _ := m.doc.scalar(n, key)
	loc, err := time.LoadLocation(s)
	if err != nil || s == "" || s == "Local" {
		m.doc.fail(n, fmt.Sprintf("%q is not a time zone", s), "write an IANA name such as Asia/Seoul or UTC")
		return fallback
	}
	return loc
}

// schedule reads at/on or cron, and timezone.
func (m *mapping) schedule(zone *time.Location) calendar.Schedule {
	s := calendar.Schedule{Zone: m.zone("timezone", zone)}
	at, on, cron := m.value("at"), m.value("on"), m.value("cron")
	var err error
	switch {
	case at != nil && cron != nil:
		m.doc.fail(cron, "both at and cron are given", "keep one of them")
	case cron != nil && on != nil:
		m.doc.fail(on, "both on and cron are given", "say the weekdays in the fifth field of the cron line")
	case cron != nil:
		if s.Cron, err = calendar.ParseCron(m.str("cron", "")); err != nil {
			m.doc.failAs(cron, err)
		}
	case at != nil:
		if s.Hour, s.Minute, err = calendar.ParseClock(m.str("at", "")); err != nil {
			m.doc.failAs(at, err)
		}
	default:
		m.doc.fail(m.node, "a schedule without a time", `write at: "07:00" or cron: "0 7 * * *"`)
	}
	if on != nil && cron == nil {
		if s.On, err = calendar.ParseWeekdays(strings.Join(m.list("on"), ",")); err != nil {
			m.doc.failAs(on, err)
		}
	}
	return s
}

// Environment is the process's own, for Load.
func Environment(name string) (string, bool) { return os.LookupEnv(name) }
