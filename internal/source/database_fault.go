package source

import (
	"context"
	"errors"
	"fmt"
	"net"

	"daybook/internal/fault"
)

// dbTrouble is what a database's error means.
type dbTrouble int

const (
	dbSilent     dbTrouble = iota // it did not answer
	dbFull                        // it has no connection left
	dbStranger                    // it does not know the user or the password
	dbNotGranted                  // the user may not read this
	dbSlow                        // a statement took too long
	dbWrong                       // the settings ask for what is not there
	dbIll                         // something else, which may pass
)

// dbShown says errors of a database without the password.
type dbShown struct {
	where    string // host, port and database
	password string
	grant    string // the hint for a user that may not read
	trouble  func(error) (dbTrouble, error)
}

// fault is what an error of the driver means for a person.
func (d dbShown) fault(ctx context.Context, err error, doing string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	trouble, cause := d.trouble(err)
	var network net.Error
	if trouble == dbSilent && errors.As(err, &network) {
		cause = network
	}
	cause = withoutSecret(cause, d.password)
	switch trouble {
	case dbSilent:
		return fault.Wrap(fault.Unavailable, cause, doing, "is the host right, and does the database answer from here? Then run the day again")
	case dbFull:
		return fault.Wrap(fault.Unavailable, errors.Join(errDBBusy, cause), doing, "let others end their connections, or write a smaller parallel:")
	case dbStranger:
		return fault.Wrap(fault.Refused, cause, doing, "put the right user and password into the secret that url names")
	case dbNotGranted:
		return fault.Wrap(fault.Refused, cause, doing, d.grant)
	case dbSlow:
		return fault.Wrap(fault.Unavailable, cause, doing, fmt.Sprintf("a statement may take %s: write a smaller chunk:, or index the columns of key, created and modified", dbStatementTimeout))
	case dbWrong:
		return fault.Wrap(fault.Invalid, cause, doing, "correct the source's settings or the secret that url names")
	}
	return fault.Wrap(fault.Unavailable, cause, doing, "run the day again")
}
