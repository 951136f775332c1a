package dialect

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// Dialect is an API as clients of another system know it. It is not changed once a [Site] serves it.
type Dialect struct {
	Name   string // of the directive
	Title  string // of its documentation
	Prefix string // where it is by default; "" where that must be given
	Routes []Route
	Form   Form
	// Schemes are the words in front of a token, the first of which challenges; by default Bearer alone.
	Schemes []string
	// AnyCase: the words are known in any case, as DRF's own tokens have it; simplejwt compares exactly.
	AnyCase bool
	// LoginField is the name of the field with what somebody signs in with, unless the option login_field gives another.
	LoginField string
	// UserID is what the claim user_id is, unless the option user_id says otherwise.
	UserID UserID
	// Borrows names the dialect of the same site whose access tokens its calls take, beside bearer tokens of the gateway's own; "": it takes
	// its own alone.
	Borrows string
	// Refused says why an access token of the dialect will not do; err is what the authenticator has said. Nil: as Failure says it.
	Refused func(x *Call, raw string, err error) error
	// Failure says how an error of a call is told. Nil: as DRF does, see [drf.FromError].
	Failure func(x *Call, err error) *drf.Failure
	// Options answers OPTIONS of a path. Nil: what DRF tells of a view that describes nothing.
	Options func(x *Call, routes []*Route) (drf.Answer, error)
	// Prepare makes what the dialect alone needs of the flows, when a site begins to serve it. It may be nil.
	Prepare func(f *Flows) error
	// Intercept sees every request of the dialect's first, and reports whether it has answered it. It may be nil.
	Intercept func(x *Call) (answered bool)
	// Beside are the dialect's own pages outside of its calls, by their paths from the root; they may depend on the prefix. One that ends with /*
	// is for all below.
	Beside func(prefix string) map[string]func(x *Call)
}

// Route is one call.
type Route struct {
	// Action names the call in the option path; "": it cannot be had at another path.
	Action string
	Method string
	// Path is below the prefix and has no final slash: /login, or with a parameter /{number}. Every path is served with one and without. "":
	// the call is only where the option path says.
	Path    string
	Summary string
	Fields  []drf.Field // of the body, which are checked before Do
	Reads   []drf.Field // of the body, where Do reads that itself; for the documentation
	User    bool        // of somebody who shows an access token of this dialect
	Maybe   bool        // of anybody, and of who shows an access token: Who is set for them
	Limit   string      // one of the authcore.Limit… constants; "" is none
	Replies []int       // statuses, for the documentation; the first is that of success
	Do      func(x *Call, body drf.Values) (drf.Answer, error)
}

// UserID is what the claim user_id is.
type UserID string

// The kinds.
const (
	UserIDText   UserID = "string" // the account's number as text
	UserIDNumber UserID = "int"    // the account's number
	UserIDUUID   UserID = "uuid"   // the account's id
)

// Lifetimes are those of what a dialect issues. Single is that of a token of a dialect that has no refresh tokens; there the others
// are 0, and the reverse.
type Lifetimes struct{ Access, Refresh, Single time.Duration }

// Accounts reads accounts.
type Accounts interface {
	// AccountByID returns an account. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (authcore.Account, error)
	// AccountEvents returns events of an account.
	AccountEvents(ctx context.Context, q history.Query) ([]authcore.Event, error)
	// ReserveNumber returns a number that no account has or ever gets by itself.
	ReserveNumber(ctx context.Context) (int64, error)
}

// APIPage shows the calls of an OpenAPI document, for people to try.
type APIPage interface {
	// Has reports whether there is something to GET at a path below a prefix.
	Has(at string) bool
	// Serve answers a request for it. The document is openapi.json below the prefix.
	Serve(w http.ResponseWriter, r *http.Request, at, prefix, icon string) error
}

// Flows are what dialects stand on.
type Flows struct {
	Sessions *session.Sessions
	Dialects *session.Dialects
	SignIn   *signin.Flow
	SignUp   *signup.Flow
	Password *password.Flow
	Profile  *profile.Profiles
	Contact  *contact.Flow
	Fresh    *fresh.Gate

	Factors   *factor.Factors
	Steps     *secondstep.Flow
	Federated *federated.Flow
	Invite    *invite.Flow
	// Codes signs in by codes, as the dialect's Prepare has made it of CodesAs; SignUpAs makes a flow to sign up by other settings.
	Codes    *passwordless.Flow
	CodesAs  func(newcomers bool) (*passwordless.Flow, error)
	SignUpAs func(change func(*signup.Settings)) (*signup.Flow, error)

	Accounts Accounts
	Blocks   *block.Blocks // nil: nobody is kept out
	APIPage  APIPage

	AdminGate *admin.Gate
	Directory *admin.Directory
	Users     *admin.Users
	Roster    *admin.Roster
	Newcomers *admin.Newcomers
	Claims    *admin.Claims
	Closure   admin.Deleter
	Admins    authcore.Admins

	Auth   *httpauth.Authenticator
	Limits *httpauth.Limits
	Now    authcore.Clock
	Logger *slog.Logger
	// Count is told how each call of a dialect has ended.
	Count func(dialect string, err error)
}

// Call is one request, and its answer. What a dialect's functions need stands in its Site.
type Call struct {
	*Site
	W     http.ResponseWriter
	R     *http.Request
	Info  httpauth.RequestInfo
	Route *Route              // nil before one is found
	Who   *authcore.Principal // who shows an access token, where the route asks for one: see Route.User and Route.Maybe
	Param string              // what stands for the parameter of the path
}

// Context returns that of the request.
func (x *Call) Context() context.Context { return x.R.Context() }

// Account returns the account of who makes the call, as it is now.
func (x *Call) Account() (authcore.Account, error) {
	return x.Flows.Accounts.AccountByID(x.Context(), x.Who.AccountID)
}

// Request is how a client of the dialect is signed in.
func (x *Call) Request(otp string) session.Request {
	return session.Request{Mode: authcore.ModeDialect, Format: x.format(), OTP: otp, Client: x.Info.Client}
}

// LoginName is what [Dialect.LoginField] is called in the fields of a route and in what Do gets, whatever the option login_field says.
const LoginName = "login"

// Signing is the field that every call takes which signs in: the code of a second factor, which is asked for of accounts that have one.
var Signing = drf.Field{Name: "otp", Optional: true, Blank: true, Null: true, Max: 128}

// SignIn signs in by a password. Where a second factor is owed and body has no code for it the error is [drf.SecondFactorOwed]. Other
// refusals are those of [signin.Flow.Password].
func (x *Call) SignIn(login, password string, body drf.Values) (session.Tokens, error) {
	out, err := x.Flows.SignIn.Password(x.Context(), signin.Input{Login: login, Password: password, Request: x.Request(body[Signing.Name])})
	if err != nil {
		return session.Tokens{}, err
	}
	if out.Pending != nil {
		return session.Tokens{}, drf.SecondFactorOwed()
	}
	return out.Tokens, nil
}

// Register signs up. The number is that of the account, also of one that waits until its address is proven. The refusals are those of
// [signup.Flow.Register].
func (x *Call) Register(in signup.RegisterInput) (number int64, err error) {
	in.Client, in.Number = x.Info.Client, x.Flows.Accounts.ReserveNumber
	done, err := x.Flows.SignUp.Register(x.Context(), in)
	if err != nil || done.Account == nil {
		return done.Number, err
	}
	a, err := x.Flows.Accounts.AccountByID(x.Context(), done.Account.ID)
	return a.Number, err
}

// Rename gives the account of who makes the call a name, which the dialect's clients call its username. It never signs in, but rules about
// usernames hold for it.
func (x *Call) Rename(name string) (authcore.Account, error) {
	if err := x.Flows.Blocks.MayTake(strings.ToLower(name), x.Who.AccountID, x.Info.Client); err != nil {
		return authcore.Account{}, err
	}
	first, last := splitName(name)
	a, err := x.Flows.Profile.Change(x.Context(), x.Who.AccountID, profile.Patch{FirstName: &first, LastName: &last}, x.Info.Client)
	var e *authcore.Error
	if errors.As(err, &e) {
		if wrong := append(e.Fields.At("first_name"), e.Fields.At("last_name")...); len(wrong) > 0 {
			err = drf.Invalid("username", drf.Text(wrong[0]))
		}
	}
	return a, err
}

// splitName puts what is longer than a name may be into both, at a blank.
func splitName(name string) (first, last string) {
	if utf8.RuneCountInString(name) <= identifier.MaxPersonName {
		return name, ""
	}
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == ' ' && utf8.RuneCountInString(name[:i]) <= identifier.MaxPersonName {
			return name[:i], name[i+1:]
		}
	}
	return name, "" // too long, which the profile says
}

// UserIDOf is what an account is called in the claim user_id.
func (s *Site) UserIDOf(a authcore.Account) any {
	switch s.Settings.UserID {
	case UserIDNumber:
		return a.Number
	case UserIDUUID:
		return a.ID.String()
	}
	return itoa(a.Number)
}
