package store

// pool lends connections.
type pool struct{}

func (p *pool) close() {}
