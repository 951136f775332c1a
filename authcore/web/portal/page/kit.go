package page

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// Config is what every page needs. All is required.
type Config struct {
	Authenticator *httpauth.Authenticator
	Limits        *httpauth.Limits
	Fresh         *fresh.Gate               // that forms of fresh pages pass
	Brand         string                    // the name on every page
	Identities    []authcore.IdentifierKind // what people sign in with
	// ReturnHosts returns the hosts that a sign-in at the given one may lead to, as [httpauth.HostAllowed] reads them.
	ReturnHosts func(host string) []string
	// Locale returns the language that an account has chosen, as a BCP 47 tag; "" for none.
	Locale    func(ctx context.Context, account uuid.UUID) string
	Templates fs.FS // of pages that are more than a [View], by file name
	Logger    *slog.Logger
	Now       func() time.Time
}

// Kit makes answers to requests. It is safe for concurrent use.
type Kit struct {
	Config
	languages map[string]*Texts
	assets    *assets
}

// New reads every template and text.
func New(cfg Config) (*Kit, error) {
	k := &Kit{Config: cfg}
	var err error
	if k.languages, err = readTexts(); err != nil {
		return nil, err
	}
	k.assets, err = readAssets(cfg.Templates)
	return k, err
}

// Handler answers what every request needs around serve, which answers itself or returns the error to show. The context of each
// request must carry what [httpauth.WithRequestInfo] puts there.
func (k *Kit) Handler(prefix string, serve func(*Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, err := httpauth.RequestInfoFrom(r.Context())
		q := &Request{Kit: k, Texts: k.textsIn(httpauth.Language(r)), W: w, R: r, Info: info, Prefix: prefix}
		q.State = State{r: r, h: w.Header(), jar: info.Cookies()}
		defer func() { k.recovered(q, recover()) }()
		setHeaders(w.Header(), info.HTTPS)
		if err == nil {
			err = serve(q)
		}
		switch {
		case err == nil:
		case !httpauth.WantsHTML(r): // a program that sent a form, most often for want of a JSON content type
			httpauth.WriteError(w, r, k.Logger, err)
		default:
			k.fail(q, err)
		}
	})
}

// setHeaders sets what every answer carries, whatever its status (B08, P26).
//
// Referrer-Policy lets browsers say to ourselves alone where a form came from. With no-referrer they write `Origin: null` into form
// posts, and those that send no Sec-Fetch-Site could not post at all.
func setHeaders(h http.Header, https bool) {
	httpauth.SecureHeaders(h, https)
	h.Set("Content-Security-Policy", Policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Language")
	h.Add("Vary", "Cookie")
}

// Policy is the content security policy of documents. Nothing is loaded but the assets, from here, and forms stay here.
var Policy = PolicyTo("")

// PolicyTo is the policy of a page whose form leads on to another origin as well; "" for none.
func PolicyTo(origin string) string {
	if origin != "" {
		origin = " " + origin
	}
	return "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'" + origin + "; base-uri 'none'; frame-ancestors 'none'"
}

// recovered turns a panic into a generic page; the process lives on (M10).
func (k *Kit) recovered(q *Request, panicked any) {
	switch panicked {
	case nil:
	case http.ErrAbortHandler:
		panic(panicked)
	default:
		k.fail(q, fmt.Errorf("panic: %v\n%s", panicked, debug.Stack()))
	}
}
