//go:build !planted

package planted

// Is reports false: this build has no planted bug.
func Is(Bug) bool { return false }
