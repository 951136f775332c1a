// Package httpapi is the JSON API of Gatehouse over net/http: it turns requests into calls of the capabilities and
// their results and refusals into answers.
//
// It owns the wire shapes and the strict reading of bodies. The rules about any request, whatever it asks for, are in httpauth.
//
// Every call is declared once, as a [route]: what serves it and what the OpenAPI document says of it ([Document]). Whoever adds
// a call begins there.
//
// It decides nothing about accounts or sessions, knows neither SQL nor Caddy, and renders no pages.
package httpapi
