package templates

// IncidentsView is what failed or came late, the open ones first.
type IncidentsView struct {
	Page
	Facts     FactLine
	Incidents Table
}
