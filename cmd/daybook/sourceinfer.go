package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/stage"
	"daybook/jobs"
)

// inferring is what source infer was asked for.
type inferring struct {
	objects                               int
	from, path, format, records, encoding string
	noHeader, write                       bool
}

func (p *program) sourceInferCommand() *cobra.Command {
	var ask inferring
	c := p.verb("infer NAME", "Write the contract of a source from a day of it",
		"Fetches a day and writes YAML with the columns that its records have: types that take every record seen, required where no value is\n"+
			"missing, and a key where one is to be seen. NAME is a source of the project, whose file need not declare columns yet, or a new one\n"+
			"of files named by --path.",
		"  daybook source infer searches -C library --day 2026-11-19\n"+
			"  daybook source infer visits -C visits --from files --path 'data/visits-{day}.csv' --day 2026-01-01 --write", &ask.objects)
	f := c.Flags()
	f.StringVar(&ask.from, "from", "", "files, for a source that has no file yet")
	f.StringVar(&ask.path, "path", "", "where the files are, such as data/{day}.csv")
	f.StringVar(&ask.format, "format", "", "ndjson, json, csv, parquet, xml or dynamodb, where the path does not say it")
	f.StringVar(&ask.records, "records", "", "the path of the records in JSON, the element that is a record in XML")
	f.StringVar(&ask.encoding, "encoding", "", "utf-8 or cp949")
	f.BoolVar(&ask.noHeader, "no-header", false, "the first line of CSV is a record")
	f.BoolVar(&ask.write, "write", false, "write sources/NAME.yaml, which must not be there, or declare no columns")
	c.RunE = func(c *cobra.Command, args []string) error { return p.inferSource(c, args[0], ask) }
	return c
}

var sourceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

func (p *program) inferSource(c *cobra.Command, name string, ask inferring) error {
	if !sourceName.MatchString(name) {
		return usage(fmt.Errorf("%q cannot be a source's name: use a-z, 0-9 and _, beginning with a letter", name), c)
	}
	file := filepath.Join(p.dir, "sources", name+".yaml")
	settings, err := os.ReadFile(file)
	absent := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !absent:
		return fmt.Errorf("read %s: %w", file, err)
	case absent && (ask.from != "files" || ask.path == ""):
		return usage(fmt.Errorf("there is no sources/%s.yaml: say --from files --path PATH, or write the file with what the kind of source needs", name), c)
	case !absent && (ask.from != "" || ask.path != ""):
		return usage(fmt.Errorf("sources/%s.yaml says where its records come from; --from and --path are for a source that has no file", name), c)
	case !absent && ask.write && declares(string(settings), "columns"):
		return fault.New(fault.Refused, fmt.Sprintf("sources/%s.yaml declares columns", name), "leave out --write, and take what you need of the output")
	case absent:
		settings = []byte(ask.settings())
	}
	yaml, err := p.inferContract(c, name, string(settings), ask.objects)
	if err != nil {
		return err
	}
	if !ask.write {
		p.printf("%s", yaml)
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := os.WriteFile(file, []byte(yaml), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	p.printf("sources/%s.yaml is written; look through it, then: daybook check\n", name)
	return nil
}

// settings is the beginning of a file that does not exist yet.
func (ask inferring) settings() string {
	var b strings.Builder
	fmt.Fprintf(&b, "from: files\npath: %s\n", yamlText(ask.path))
	for _, s := range []struct{ key, value string }{{"format", ask.format}, {"records", ask.records}, {"encoding", ask.encoding}} {
		if s.value != "" {
			fmt.Fprintf(&b, "%s: %s\n", s.key, yamlText(s.value))
		}
	}
	if ask.noHeader {
		b.WriteString("header: false\n")
	}
	if !strings.Contains(ask.path, "{day}") && !strings.Contains(ask.path, "{dd}") {
		b.WriteString("holds: snapshot\n")
	}
	return b.String()
}

// inferContract gives the whole file: the settings as they are, with key and columns that were inferred.
func (p *program) inferContract(c *cobra.Command, name, settings string, objects int) (string, error) {
	ctx := c.Context()
	pr, s, err := p.undeclared(name, settings)
	if err != nil {
		return "", err
	}
	day, err := p.probeDay(c, pr)
	if err != nil {
		return "", err
	}
	probe, closing, err := p.openProbe(c, pr, objects)
	if err != nil {
		return "", err
	}
	defer closing()
	found, err := probe.Fetch(ctx, s, day)
	if err != nil {
		return "", err
	}
	look, err := probe.Look(ctx, found)
	if err != nil {
		return "", err
	}
	if len(look.Columns) == 0 {
		return "", fault.New(fault.Missing, fmt.Sprintf("%s has no records on %s to infer columns from", name, day), "name a day that has records; for JSON answers say where they are with records:")
	}
	contract, result, err := probe.Contract(ctx, found, look)
	if err != nil {
		return "", err
	}
	text := contractYAML(settings, found, look, contract, result)
	if _, err := p.loadWith(name, text); err != nil {
		return "", fmt.Errorf("what was inferred of %s does not load: %w", name, err)
	}
	return text, nil
}

// undeclared loads the project with a source whose file need not declare columns.
func (p *program) undeclared(name, settings string) (*project.Project, project.Source, error) {
	var none project.Source
	text := without(settings, "columns", "duplicates")
	columns := "columns:\n"
	keys := keyNames(settings)
	for _, k := range keys {
		columns += "  " + k + ": text\n"
	}
	if len(keys) == 0 {
		columns += "  _: text\n"
	}
	pr, err := p.loadWith(name, text+columns)
	if err != nil {
		return nil, none, err
	}
	s, err := sourceNamed(pr, name)
	if err != nil {
		return nil, none, err
	}
	return pr, s, nil
}

// loadWith loads the project as it is, but for the text of one source.
func (p *program) loadWith(name, text string) (*project.Project, error) {
	dir, err := os.MkdirTemp("", "daybook-infer-")
	if err != nil {
		return nil, fmt.Errorf("make a scratch directory: %w", err)
	}
	defer os.RemoveAll(dir)
	settings, err := os.ReadFile(filepath.Join(p.dir, project.Filename))
	if errors.Is(err, fs.ErrNotExist) {
		return project.Load(p.dir, p.env) // says so
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, project.Filename), settings, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("read the project: %w", err)
	}
	for _, folder := range []string{"sources", "tables", "marts", "reports", "publish"} {
		if from := filepath.Join(p.dir, folder); isDir(from) {
			err = os.CopyFS(filepath.Join(dir, folder), os.DirFS(from))
		} else {
			err = os.MkdirAll(filepath.Join(dir, folder), 0o700)
		}
		if err != nil {
			return nil, fmt.Errorf("read the project: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "sources", name+".yaml"), []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write a scratch source: %w", err)
	}
	pr, err := project.Load(dir, p.env)
	if err != nil {
		return nil, err
	}
	pr.Dir = p.dir
	return pr, nil
}

// declares reports whether a source's file has a key.
func declares(settings, key string) bool {
	return regexp.MustCompile(`(?m)^` + key + `\s*:`).MatchString(settings)
}

// without leaves out keys of the first level, with all that is below them.
func without(settings string, keys ...string) string {
	var b strings.Builder
	skipping := false
	for line := range strings.Lines(settings) {
		if line[0] != ' ' && line[0] != '\t' && line[0] != '\n' && line[0] != '\r' && line[0] != '#' && line[0] != '-' && line[0] != '}' && line[0] != ']' {
			key, _, _ := strings.Cut(line, ":")
			skipping = slices.Contains(keys, strings.TrimSpace(key))
		}
		if !skipping {
			b.WriteString(line)
		}
	}
	if text := b.String(); text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return b.String() + "\n"
}

// keyNames are the columns that a file's key names.
func keyNames(settings string) []string {
	m := regexp.MustCompile(`(?m)^key\s*:((?:[^\n]*\n?)(?:^[ \t-][^\n]*\n?)*)`).FindStringSubmatch(settings)
	if m == nil {
		return nil
	}
	return regexp.MustCompile(`[a-z_][a-z0-9_]*`).FindAllString(regexp.MustCompile(`#[^\n]*`).ReplaceAllString(m[1], ""), -1)
}

// contractYAML writes a source's file.
func contractYAML(settings string, found jobs.Probed, look stage.Inferred, contract project.Source, result stage.Result) string {
	var b strings.Builder
	has := func(name string) bool {
		return slices.ContainsFunc(contract.Columns, func(c project.Column) bool { return c.Name == name })
	}
	written := keyNames(settings)
	keep := len(written) > 0 && !slices.ContainsFunc(written, func(k string) bool { return !has(k) })
	dropped := []string{"columns"}
	if !keep {
		dropped = append(dropped, "key", "duplicates")
	}
	b.WriteString(without(settings, dropped...))
	fmt.Fprintf(&b, "# Inferred from %s records of %s, in %d objects.\n", counted(result.Records), found.Day, len(found.Objects))
	if found.Stopped || look.More {
		b.WriteString("# There are more: look at other days before relying on types, required and key.\n")
	}
	if result.Rejected > 0 {
		fmt.Fprintf(&b, "# Texts that are no records: %s, the first in %s\n", counted(result.Rejected), comment(firstReason(result)))
	}
	switch {
	case keep:
	case len(contract.Key) > 0:
		fmt.Fprintf(&b, "# A guess: no two of these records have the same %s. Keep it only where that is so by its meaning.\nkey: [%s]\n", strings.Join(contract.Key, ", "), strings.Join(contract.Key, ", "))
	default:
		b.WriteString("# No key was found: no column or pair of columns that is never missing differs in all records.\n")
	}
	b.WriteString("columns:\n")
	for _, c := range contract.Columns {
		i := slices.IndexFunc(look.Columns, func(l stage.InferredColumn) bool { return l.Name == c.Name })
		b.WriteString("  " + columnYAML(c) + columnComment(look.Columns[i], c) + "\n")
	}
	return b.String()
}

func firstReason(r stage.Result) string {
	if len(r.Samples) == 0 {
		return ""
	}
	return fmt.Sprintf("%s line %d: %s", r.Samples[0].Object, r.Samples[0].Line, r.Samples[0].Reason)
}

// columnYAML is a column's line.
func columnYAML(c project.Column) string {
	name, kind := c.Name, string(c.Type)
	if slices.Contains([]string{"null", "true", "false"}, name) {
		name = yamlText(name)
	}
	if c.From == "" && !c.Required {
		return name + ": " + kind
	}
	if strings.ContainsAny(kind, ",[]") { // which mean something between braces
		kind = yamlText(kind)
	}
	line := name + ": {type: " + kind
	if c.From != "" {
		line += ", from: " + yamlText(c.From)
	}
	if c.Required {
		line += ", required: true"
	}
	return line + "}"
}

// yamlText is a YAML text in double quotes.
func yamlText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// columnComment says what the column was inferred from.
func columnComment(l stage.InferredColumn, c project.Column) string {
	var said []string
	if n := l.Null; n > 0 {
		said = append(said, counted(n)+" null")
	}
	if n := l.Absent; n > 0 {
		said = append(said, counted(n)+" absent")
	}
	if len(l.Types) > 1 || c.Type != l.Type {
		var types []string
		for _, t := range l.Types {
			types = append(types, fmt.Sprintf("%s %s", counted(t.Count), t.Type))
		}
		said = append(said, "came as "+strings.Join(types, ", "))
	}
	if len(l.Examples) > 0 {
		var examples []string
		for _, e := range l.Examples {
			examples = append(examples, fit(e, cellWidth))
		}
		said = append(said, "such as "+strings.Join(examples, " | "))
	}
	if len(said) == 0 {
		return ""
	}
	return " # " + comment(strings.Join(said, "; "))
}

// comment is text that stays in one line.
func comment(s string) string { return clean(s) }
