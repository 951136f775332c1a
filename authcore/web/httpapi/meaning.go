package httpapi

import "github.com/gatehouse-auth/gatehouse/authcore"

// meanings says what each code means to whoever calls. The document shows them, and no call is mounted that can answer
// with a code which is not here.
var meanings = map[authcore.Code]string{
	authcore.InvalidRequest:            "the request is malformed: broken JSON, a duplicate member or one of the wrong type, or parts that exclude each other",
	authcore.InvalidFields:             "some fields are invalid; `errors` says which and why",
	authcore.InvalidCredentials:        "the username or password is wrong, or the account is disabled",
	authcore.AuthenticationRequired:    "the request has no credentials; sign in first",
	authcore.InvalidToken:              "the access token is invalid or no longer accepted; refresh it or sign in again",
	authcore.InvalidRefreshToken:       "the refresh token is missing, unknown, expired or revoked; sign in again",
	authcore.RefreshTokenReused:        "the refresh token was used before, so its session is revoked",
	authcore.InvalidCode:               "the code or link is wrong, has expired, or has been used already",
	authcore.InvalidMFAToken:           "the pending sign-in is unknown, has expired, was finished, or had too many wrong codes; sign in again",
	authcore.RegistrationProofRequired: "also show that you are the person who registered: send `registration`, `password` or `new_password`",
	authcore.TooManyAttempts:           "too many wrong codes; the link in the mail still works",
	authcore.RateLimited:               "too many requests from this address, or mails to this recipient",
	authcore.AccountLocked:             "too many failed sign-ins with this name",
	authcore.AccountNotVerified:        "the password is correct, but the address is not verified yet",
	authcore.InvalidInvitation:         "the invitation is wrong, has expired, was used or revoked, or is for another address",
	authcore.InvitationRequired:        "sign-up needs an invitation",
	authcore.SignupClosed:              "sign-up is closed",
	authcore.Conflict:                  "already in use by another account; `errors` says which field",
	authcore.LastAdmin:                 "nobody else administers the gateway; make somebody else an administrator first",
	authcore.LimitReached:              "the account has as many of these as it may have, or has changed it too often",
	authcore.LastWayIn:                 "it would take the account's last way to sign in",
	authcore.LastFactor:                "it would take the account's last second factor while two-factor authentication is on",
	authcore.NoFactor:                  "the account has nothing to be asked for as second factor; add a factor or set a password first",
	authcore.MFAEnforced:               "two-factor authentication is required for the account",
	authcore.Forbidden:                 "the account is not allowed to do this",
	authcore.MFARequired:               "the sign-in is by one kind of proof, and this needs two: see `step_up_url`",
	authcore.BindingRequired:           "the link signs in only the browser or app that asked for it, which sends the `binding`; it is not spent",
	authcore.ReauthenticationRequired:  "the sign-in is not recent enough for this: send `password` with the request, or sign in again",
	authcore.CrossOrigin:               "the request has cookies and came from a page of another origin",
	authcore.NotFound:                  "not found",
	authcore.MethodNotAllowed:          "method not allowed; see the `Allow` header",
	authcore.RequestTooLarge:           "the body is larger than 1 MiB",
	authcore.HeadersTooLarge:           "the headers are too large",
	authcore.UnsupportedMediaType:      "the body is not plain `application/json` in UTF-8",
	authcore.Unavailable:               "temporarily unavailable; credentials stay valid",
	authcore.Internal:                  "internal error; find it in the log by `instance`",
}
