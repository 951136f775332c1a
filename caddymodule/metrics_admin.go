package caddymodule

import "github.com/gatehouse-auth/gatehouse/authcore"

// adminCalls counts calls of the administration, of the API and of the console.
var adminCalls = newTally("admin_calls_total", "Calls of the administration, by outcome.", outcomesOf(authcore.Forbidden, authcore.InvalidToken, authcore.RateLimited,
	authcore.InvalidRequest, authcore.InvalidFields, authcore.NotFound, authcore.Conflict, authcore.LastAdmin)...)
