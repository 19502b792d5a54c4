package templates

import (
	"sort"
	"strings"
)

const (
	nodeWidth  = 134.0
	nodeHeight = 40.0
	nodePitch  = 62.0
	lanePitch  = 18.0
	graphTop   = 30.0
	graphMin   = 904.0
)

// graphDrawing is a GraphView in coordinates.
type graphDrawing struct {
	Width, Height string
	Heads         []graphHead
	Edges         []edgeDrawing
	Nodes         []nodeDrawing
}

type graphHead struct{ Label, X string }

type nodeDrawing struct {
	GraphNode
	X, Y, GlyphX, GlyphY, TextX, NameY, DetailY string
	BarX, BarY, BarWidth                        string
}

type edgeDrawing struct{ Class, Path string }

// slot is a place in a column: a node, or a lane that a long edge passes through.
type slot struct {
	node  string // the node, or for a lane the node that the edge comes from
	lane  bool
	from  []*slot
	order float64
	y     float64
}

// layout places the nodes: kinds follow one another in columns, a node stands right of everything it is made of, and an
// edge that passes a column gets a lane in it.
type layout struct {
	column  map[string]int
	nodes   map[string]GraphNode
	columns [][]*slot
	places  map[string]*slot
	lanes   map[string]map[int]*slot // by source node and column
	step    float64
}

func (g GraphView) draw() graphDrawing {
	l := &layout{column: map[string]int{}, nodes: map[string]GraphNode{}, places: map[string]*slot{}, lanes: map[string]map[int]*slot{}}
	heads := l.assign(g)
	edges := l.known(g.Edges)
	l.fill(g, edges)
	height := l.place()
	n := float64(len(l.columns))
	width := max(graphMin, n*(nodeWidth+20)-20)
	if n > 1 {
		l.step = (width - nodeWidth) / (n - 1)
	}
	d := graphDrawing{Width: num(width), Height: num(height)}
	for label, col := range heads {
		d.Heads = append(d.Heads, graphHead{label, num(float64(col) * l.step)})
	}
	sort.Slice(d.Heads, func(i, j int) bool { return heads[d.Heads[i].Label] < heads[d.Heads[j].Label] })
	for _, e := range edges {
		d.Edges = append(d.Edges, l.edge(e))
	}
	sort.SliceStable(d.Edges, func(i, j int) bool { return d.Edges[i].Class != "ed-hot" && d.Edges[j].Class == "ed-hot" })
	for _, k := range g.Kinds {
		for _, node := range k.Nodes {
			d.Nodes = append(d.Nodes, l.node(node))
		}
	}
	return d
}

// assign gives every node its column and returns the first column of each kind.
func (l *layout) assign(g GraphView) map[string]int {
	inputs := map[string][]string{}
	for _, e := range g.Edges {
		inputs[e.To] = append(inputs[e.To], e.From)
	}
	heads, next := map[string]int{}, 0
	for _, k := range g.Kinds {
		if len(k.Nodes) == 0 {
			continue
		}
		base, last := next, next
		heads[k.Label] = base
		for _, node := range k.Nodes {
			l.nodes[node.ID] = node
			l.column[node.ID] = base
		}
		// Nodes of one kind may be made of one another; as many rounds as there are nodes settle any such chain.
		for range k.Nodes {
			for _, node := range k.Nodes {
				for _, in := range inputs[node.ID] {
					if c, ok := l.column[in]; ok && in != node.ID && c >= l.column[node.ID] && l.column[node.ID] < base+len(k.Nodes) {
						l.column[node.ID] = c + 1
					}
				}
				last = max(last, l.column[node.ID])
			}
		}
		next = last + 1
	}
	l.columns = make([][]*slot, next)
	return heads
}

func (l *layout) known(edges []GraphEdge) []GraphEdge {
	var out []GraphEdge
	for _, e := range edges {
		from, a := l.column[e.From]
		to, b := l.column[e.To]
		if a && b && from < to {
			out = append(out, e)
		}
	}
	return out
}

// fill puts nodes and lanes in their columns.
func (l *layout) fill(g GraphView, edges []GraphEdge) {
	for _, k := range g.Kinds {
		for _, node := range k.Nodes {
			s := &slot{node: node.ID}
			l.places[node.ID] = s
			c := l.column[node.ID]
			l.columns[c] = append(l.columns[c], s)
		}
	}
	for _, e := range edges {
		before := l.places[e.From]
		for c := l.column[e.From] + 1; c < l.column[e.To]; c++ {
			before = l.laneFor(e.From, c, before)
		}
		to := l.places[e.To]
		to.from = append(to.from, before)
	}
}

func (l *layout) laneFor(node string, column int, before *slot) *slot {
	if l.lanes[node] == nil {
		l.lanes[node] = map[int]*slot{}
	}
	if s := l.lanes[node][column]; s != nil {
		return s
	}
	s := &slot{node: node, lane: true, from: []*slot{before}}
	l.lanes[node][column] = s
	l.columns[column] = append(l.columns[column], s)
	return s
}

// place orders every column by where its inputs are and spreads it around the middle; it returns the height.
func (l *layout) place() float64 {
	tallest := 0.0
	for c, col := range l.columns {
		for i, s := range col {
			s.order = float64(i)
			if c == 0 || len(s.from) == 0 {
				continue
			}
			sum := 0.0
			for _, f := range s.from {
				sum += f.y
			}
			s.order = sum / float64(len(s.from))
		}
		if c > 0 {
			sort.SliceStable(col, func(i, j int) bool { return col[i].order < col[j].order })
		}
		y := 0.0
		for _, s := range col {
			s.y = y + pitch(s)/2
			y += pitch(s)
		}
		for _, s := range col {
			s.y -= y / 2
		}
		tallest = max(tallest, y)
	}
	for _, col := range l.columns {
		for _, s := range col {
			s.y += graphTop + tallest/2
		}
	}
	return graphTop + tallest
}

func pitch(s *slot) float64 {
	if s.lane {
		return lanePitch
	}
	return nodePitch
}

func (l *layout) node(n GraphNode) nodeDrawing {
	x, y := float64(l.column[n.ID])*l.step, l.places[n.ID].y-nodeHeight/2
	return nodeDrawing{GraphNode: n,
		X: num(x + .5), Y: num(y + .5), GlyphX: num(x + 8), GlyphY: num(y + 7), TextX: num(x + 24), NameY: num(y + 17.5), DetailY: num(y + 32),
		BarX: num(x + 1), BarY: num(y + nodeHeight - 4.5), BarWidth: num((nodeWidth - 2) * min(n.Progress, 1)),
	}
}

// edge draws from the right of its input, through its lanes, to the left of what is made of it.
func (l *layout) edge(e GraphEdge) edgeDrawing {
	from, to := l.column[e.From], l.column[e.To]
	x, y := float64(from)*l.step+nodeWidth, l.places[e.From].y
	var b strings.Builder
	b.WriteString("M" + num(x) + " " + num(y))
	curve := func(toX, toY float64) {
		mid := (x + toX) / 2
		b.WriteString("C" + num(mid) + " " + num(y) + " " + num(mid) + " " + num(toY) + " " + num(toX) + " " + num(toY))
		x, y = toX, toY
	}
	for c := from + 1; c < to; c++ {
		curve(float64(c)*l.step, l.lanes[e.From][c].y)
		x += nodeWidth
		b.WriteString("H" + num(x))
	}
	curve(float64(to)*l.step, l.places[e.To].y)
	class := "ed"
	if n := l.nodes[e.To].Status.Kind; n == Waiting || n == Queued || n == Held {
		class = "ed-wait"
	}
	if l.nodes[e.From].Selected {
		class = "ed-hot"
	}
	return edgeDrawing{Class: class, Path: b.String()}
}

func (n nodeDrawing) waits() bool {
	return n.Status.Kind == Waiting || n.Status.Kind == Queued || n.Status.Kind == Held
}

// short keeps a name inside its box; the whole of it is in the label and the table.
func short(name string, most int) string {
	if r := []rune(name); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return name
}
