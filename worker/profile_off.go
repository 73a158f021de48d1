//go:build !profile

package main

import "log/slog"

// profile does nothing in a worker that is built without the tag profile.
func profile(*slog.Logger) (end func()) { return func() {} }
