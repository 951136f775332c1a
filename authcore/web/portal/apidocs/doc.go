// Package apidocs is the page that shows the calls of the API and tries them: Swagger UI on the OpenAPI document of the
// prefix it is served under, with the visitor's own session or a bearer token they type.
//
// It owns the page, its content security policy and the files of Swagger UI, which are served from here alone: the page
// asks nobody else for anything. It reads no cookie and keeps no token. Only portal imports it.
package apidocs
