// Package keyring owns the life of the keys: birth, rotation, removal, and the snapshot from which a node signs and
// verifies. It does not sign or parse anything itself (jwtkeys does) and keeps private parts sealed at rest.
//
// There are three uses. A bearer key signs tokens that others verify; the cookie key MACs tokens that only Gatehouse's
// nodes read; the internal key derives the MAC keys of codes and refresh tokens, and is never rotated away, since a
// refresh token may live for months. Of bearer and cookie keys there is always a next one that is published but does
// not sign yet, so that a rotation never signs with a key nobody has heard of.
package keyring
