package connector

import "context"

type anewKey struct{}

// Anew returns a context in which a connector believes nothing of users' rights that it read before the context was made,
// and then what it reads under it. A pass begins with one, so that it goes by the rights of its own time, and asks for them
// once.
func Anew(ctx context.Context) context.Context { return context.WithValue(ctx, anewKey{}, new(int)) }

// AnewOf returns what tells the contexts of Anew apart, nil for others.
func AnewOf(ctx context.Context) any { return ctx.Value(anewKey{}) }
