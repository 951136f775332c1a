// Package simplejwt is the API of djangorestframework-simplejwt: a pair of JWTs for a password, an access token for a refresh token,
// and what the package tells of tokens. Statuses, texts and claims are those of its releases from 5.5 on.
//
// Each pair is of a session like any other; whether a token is good is decided by that.
package simplejwt
