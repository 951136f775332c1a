package httpapi

import "github.com/gatehouse-auth/gatehouse/authcore"

// meanings says what each code means to whoever calls. The document shows them, and no call is mounted that can answer
// with a code which is not here.
var meanings = map[authcore.Code]string{
	authcore.InvalidRequest:            "the request cannot be read: broken JSON, a member twice or of the wrong type, or parts that exclude each other",
	authcore.InvalidFields:             "`errors` says by field which rules are broken",
	authcore.InvalidCredentials:        "login or password is wrong, or the account is disabled",
	authcore.AuthenticationRequired:    "the request names nobody; sign in first",
	authcore.InvalidToken:              "the access token is not valid any more; refresh it or sign in again",
	authcore.InvalidRefreshToken:       "the refresh token is missing, unknown, expired or revoked; sign in again",
	authcore.RefreshTokenReused:        "the refresh token was used before; its session is revoked",
	authcore.InvalidCode:               "the code or link is wrong, has expired or was used already",
	authcore.RegistrationProofRequired: "show too that you are who registered: `registration`, `password` or `new_password`",
	authcore.TooManyAttempts:           "too many wrong codes; the link in the mail still works",
	authcore.RateLimited:               "too many requests from this address, or mails to this recipient",
	authcore.AccountLocked:             "too many failed sign-ins with this login",
	authcore.AccountNotVerified:        "the password is right, the address is not proven yet",
	authcore.SignupClosed:              "nobody can sign up here",
	authcore.Conflict:                  "`errors` says what belongs to another account already",
	authcore.Forbidden:                 "the account may not do this",
	authcore.CrossOrigin:               "cookies spoke, and a page of another origin made the browser send the request",
	authcore.NotFound:                  "there is no such thing",
	authcore.MethodNotAllowed:          "the path does not know the method",
	authcore.RequestTooLarge:           "the body is larger than 1 MiB",
	authcore.HeadersTooLarge:           "the header fields are too large",
	authcore.UnsupportedMediaType:      "the body is not plain `application/json` in UTF-8",
	authcore.Unavailable:               "a part that is needed cannot answer now; credentials stay good",
	authcore.Internal:                  "something is wrong on the server's side; `instance` names it in the log",
}
