// Package operator is what whoever runs the gateway does to the whole of it: ending everybody's sessions, sealing what
// lies in the database under another secret, and giving up what no secret opens any more.
//
// Each operation may be repeated: one that was stopped half-way is finished by doing it again. It owns no command line and
// no transport (caddymodule has them), and nothing that people do with their own accounts. Only caddymodule and tests
// import it.
package operator
