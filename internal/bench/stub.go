package bench

import "context"

func quotas(context.Context, *Stage, Options) ([]Figure, error)  { return nil, nil }
func changes(context.Context, *Stage, Options) ([]Figure, error) { return nil, nil }
func idle(context.Context, *Stage, Options) ([]Figure, error)    { return nil, nil }
func fleet(context.Context, *Stage, Options) ([]Figure, error)   { return nil, nil }
