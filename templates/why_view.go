package templates

// OriginView is where one section's numbers come from: what was read, and every step down to the raw bytes.
type OriginView struct {
	Page
	Crumbs    []Link
	Name, Of  string
	Facts     FactLine
	Banner    *Notice
	Figure    *KPIView // of a single number
	Numbers   *Table   // of anything else
	QueryName string   // what the numbers were read by
	Query     string
	Lineage   []LineageStep
	Steps     []OriginStep
	Downloads []Download
}

// OriginStep is one build that the numbers were made from.
type OriginStep struct {
	ID, Node, Href, Kind, Day string
	Facts                     []Fact
	Changed                   string // that it was built anew since, and how
	Note                      string
	File, SQL                 string
	Objects                   []OriginObject
}

// OriginObject is a raw object as it was received.
type OriginObject struct{ Name, Origin, Size, SHA256 string }
