package authcore

import "context"

type actorKey struct{}

// ActAs returns a context in which changes are made by whose token the request has brought. A store compares it in the transaction of
// each change with what is in the database.
func ActAs(ctx context.Context, who Holder) context.Context {
	return context.WithValue(ctx, actorKey{}, who)
}

// Actor returns who makes changes in this context; ok is false where no session does.
func Actor(ctx context.Context) (who Holder, ok bool) {
	who, ok = ctx.Value(actorKey{}).(Holder)
	return who, ok
}

// ErrSessionEnded is what a store answers to an [Actor] whose session has ended, or whose account has ended all of them: a refusal as that
// of any other token that is dead.
var ErrSessionEnded error = Refuse(InvalidToken, "This session has ended. Sign in again.")
