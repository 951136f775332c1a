// Package httpauth holds the rules about any HTTP request, whether it is for the API, a page or a guarded service: who makes
// it ([Authenticator]), which cookies carry what ([Jar], [FlowCookie]), where it comes from ([Origins]), what the server in
// front knows about it ([RequestInfo]), where a browser may be sent ([CheckReturn]), and how an error is answered
// ([WriteError]). Each rule is in one place.
//
// It knows neither SQL nor Caddy, has no calls and renders no pages.
package httpauth
