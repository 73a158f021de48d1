//go:build planted

package planted

import "os"

// Variable names the bug that a binary built with the tag planted has, "" for none.
const Variable = "REPSYNC_PLANTED"

var chosen = Bug(os.Getenv(Variable))

// Is reports whether the environment has asked for this bug.
func Is(b Bug) bool { return b == chosen }
