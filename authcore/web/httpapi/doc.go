// Package httpapi is the JSON API of Gatehouse over net/http: it turns requests into calls of the capabilities and
// their results and refusals into answers.
//
// It owns the wire shapes, the strict reading of bodies, the one status table and the one writer of errors, and the
// rules about requests that the guard and the pages share, one place each: which credential speaks ([Credential]),
// cookie names and flags ([Jar], [ReadCookie]), where a browser's request comes from
// ([Origins]), whether a request is https ([IsHTTPS]), where a browser may be sent ([ReturnURL]), renewal by the refresh
// cookie ([Renew]), and the headers of every answer ([SecureHeaders]).
//
// Every call is declared once, as a [route]: what serves it and what the OpenAPI document says of it ([Document]). Whoever adds
// a call begins there.
//
// It decides nothing about accounts or sessions, knows neither SQL nor Caddy, and renders no pages. caddymodule and
// portal may import it.
package httpapi
