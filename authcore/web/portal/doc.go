// Package portal is the pages of Gatehouse: what a person sees between "sign in" and "signed out". They are rendered on the
// server and need no script; every action is a form. The one that shows the API to developers (package apidocs) is Swagger
// UI and does need one.
//
// On hosts that have a guard and no pages it serves the end of a hand-over and signing out (host.go).
//
// Each page is a small type with its flows and its routes, in a file of its own; what pages have in common (forms, layout, languages,
// cookies between two pages) is package page. Pages decide nothing: pages and calls share the capabilities, and the rules about
// requests (cookies, origins, return URLs, limits, who is signed in) are httpauth's.
//
// It knows neither SQL nor Caddy. Only caddymodule imports it.
package portal
