// Package drfusers is the API of a ModelViewSet of Django's users under a router of Django REST framework: list, detail, create, update,
// delete, and the metadata of OPTIONS.
//
// It is the administration of accounts in other clothes: the same gate, the same rules, the same events. Accounts are named by their
// numbers. It alone makes accounts with a password that somebody else has chosen, for its clients do.
package drfusers
