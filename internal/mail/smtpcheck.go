package mail

import "context"

// Check connects, protects the connection and authenticates as a send does, and sends nothing. The error is a *SendError.
func (s *SMTP) Check(ctx context.Context) error {
	line, err := s.dial(ctx)
	if err != nil {
		return classifySMTP(ctx, err, "")
	}
	line.quit()
	return nil
}
