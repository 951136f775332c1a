// Package apicheck holds exchanges with the API against its OpenAPI document, for the tests of every package that calls it.
//
// It owns the strict reading of the document: what a client must not rely on may change, but what is answered now has to be
// described. So an answer fails when its path, method, status, content type or code is not in the document, when its body
// breaks the schema, and when its body has a member that the schema does not name; and a request that was accepted fails
// when the document says that it would not be. Only tests import it.
package apicheck
