package dialect

import "github.com/gatehouse-auth/gatehouse/authcore"

// whose returns whom an access token speaks for.
func (x *Call) whose(token string) (*authcore.Principal, error) {
	from := x.Site
	if x.Dialect.Borrows != "" {
		who, err := x.Flows.Auth.AuthenticateBearer(token)
		from = x.Settings.Lender()
		if from == nil || authcore.CodeOf(err) != authcore.InvalidToken {
			return who, err
		}
	}
	who, err := x.Flows.Auth.AuthenticateDialect(token, from.Settings.Keys.Has)
	if err != nil && from.Dialect.Refused != nil {
		there := *x
		there.Site = from
		err = from.Dialect.Refused(&there, token, err)
	}
	return who, err
}

// schemes are the words in front of the tokens that the site takes.
func (s *Site) schemes() []string {
	if s.Dialect.Borrows != "" {
		if from := s.Settings.Lender(); from != nil {
			return from.Settings.Schemes
		}
	}
	return s.Settings.Schemes
}
