package authcore

import "context"

// Trace is told when a step of work begins, by a name from a closed set, and by done how it ended: done is called exactly
// once, with the step's error or nil. The work runs within the context it returns. It returns at once, never fails and may
// be called concurrently. Counting and tracing hang on it, so that what does the work knows neither.
type Trace func(ctx context.Context, step string) (within context.Context, done func(error))

// NoTrace is the Trace where nobody looks.
func NoTrace(ctx context.Context, _ string) (context.Context, func(error)) {
	return ctx, func(error) {}
}
