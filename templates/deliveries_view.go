package templates

// DeliveriesView is what was mailed: the newest editions of every report, or all that one person got.
type DeliveriesView struct {
	Page
	Query   string // the person who was searched for
	Mine    string // the reader's address, where they may see nobody else's mails
	Facts   FactLine
	Reports []ReportDeliveries
	Found   *FoundPeople // nil when nobody was searched for
	Empty   string       // shown in place of no reports
}

// ReportDeliveries is one report's newest editions.
type ReportDeliveries struct {
	ID, Title, Name string
	Facts           []Fact  // how many days were on time
	Strip           *OnTime // nil for a report without a deadline
	Editions        Table
}

// FoundPeople is what a search came to: one person's mails, or several people to choose from.
type FoundPeople struct {
	Title, Subtitle string
	Person          *Link // the page of the one who was found
	Others          []Link
	Mails           *Table
	Empty           string
}

// OnTime is when the last mail of each day was accepted. Heights run from 0, the upper line, over 1, the deadline, to Late, the
// lowest mark of what came after it.
type OnTime struct {
	Label    string // in words, for who does not see it
	Subtitle string
	Deadline string // "09:00"
	Word     string // what that is
	Lines    []OnTimeLine
	Days     []OnTimeDay
	Legend   []OnTimeMark
}

// OnTimeLine is a time of day above the deadline.
type OnTimeLine struct {
	Label string
	At    float64
}

// OnTimeDay is one day; what has no mark was not due. Tick is written under it when set.
type OnTimeDay struct {
	Mark  string // a mark of Marks, or empty
	At    float64
	Title string
	Href  string
	Tick  string
	Last  bool
}

// OnTimeMark explains a mark.
type OnTimeMark struct{ Mark, Label string }

// The marks of the strip of days.
const (
	MarkOnTime  = "final"
	MarkHeld    = "held"    // held, then on time
	MarkPartial = "partial" // on time, with a part missing
	MarkUnknown = "unknown" // on time, somebody's mail may not have left
	MarkLate    = "failed"
	MarkNone    = "missing" // no report came
)

// Late is the height at which everything stands that came after the deadline.
const Late = 1.28

// LedgerView is who got one edition.
type LedgerView struct {
	Page
	Crumbs   []Link
	Name, Of string
	Actions  []Action
	Facts    FactLine
	Banner   *Gate
	Ledger   Ledger
	Filter   LedgerFilter
	People   Table
	Picked   *Action // for what is ticked in the table
	Prev     *Link
}

// Ledger is the deliveries of an edition by state. Its parts carry the ids LedgerID and LedgerFactsID.
type Ledger struct {
	Equation string
	Label    string // of the bar, in words
	Counts   []LedgerCount
}

// LedgerCount is how many deliveries are in a state; those without one are sums.
type LedgerCount struct {
	Label, Value string
	Kind         StateKind
	Count        int
	Rest         bool // begins the parts after the sums
}

// LedgerFilter is the bar above the people, a form that gets.
type LedgerFilter struct {
	Action    string
	Query     string
	Show      string // kept by the form
	States    []RangeLink
	Groups    []Option
	Downloads []Download
}

// Ids of a ledger's parts, for its stream.
const (
	LedgerID      = "ledger"
	LedgerFactsID = "ledger-facts"
	ResendForm    = "resend-picked" // of the form that the ticked boxes belong to
)

// DeliveryID is the id of the row of a delivery.
func DeliveryID(delivery string) string { return "delivery-" + delivery }

// Gate says that a report is held or how it can be sent, with what can be done about it.
type Gate struct {
	Kind    StateKind
	Title   string
	Text    string
	Actions []Action
}
