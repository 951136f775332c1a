// Package page is the kit that the pages are made of: routes, requests, forms and what is wrong with them, layout, languages, and
// what a browser keeps between two pages. It knows no page; those are package portal.
//
// A page is a small type with its flows and a list of [Route]s. Whoever may use a page, which limit counts its form and whether a link
// from a mail leads to it are properties of its route, seen to before the page's own code.
package page
