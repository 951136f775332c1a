package constancejwt

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
)

// docs is what the path of the page of all calls has after the prefix: /api-doc/.
const docs = "-doc"

// show leads a browser that navigates to a call to where it can be tried, as the browsable API did.
func show(x *dialect.Call) bool {
	x.W.Header().Add("Vary", httpauth.NavigationVary)
	if !httpauth.Navigates(x.R) {
		return false
	}
	to := x.Settings.Prefix + docs + "/"
	if at := x.RouteHere(); at != nil {
		to += "#/" + Name + "/" + at.OperationID()
	}
	x.W.Header().Set("Location", to)
	x.W.WriteHeader(http.StatusSeeOther)
	return true
}

// page shows all calls.
func page(x *dialect.Call) {
	prefix := x.Settings.Prefix + docs
	at := strings.TrimPrefix(x.R.URL.Path, prefix)
	if x.R.Method != http.MethodGet && x.R.Method != http.MethodHead {
		x.W.Header().Set("Allow", "GET, HEAD")
		x.W.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	switch {
	case at == "":
		x.W.Header().Set("Location", prefix+"/")
		x.W.WriteHeader(http.StatusPermanentRedirect)
	case at == "/openapi.json":
		x.WriteDocument()
	case at == "/":
		x.ServeAPIPage("/docs", prefix)
	case x.Flows.APIPage.Has(at):
		x.ServeAPIPage(at, prefix)
	default:
		x.W.WriteHeader(http.StatusNotFound)
	}
}

// toConsole leads to where administrators are.
func toConsole(x *dialect.Call) {
	x.W.Header().Set("Location", x.Info.Client.Portal+"/console")
	x.W.WriteHeader(http.StatusFound)
}
