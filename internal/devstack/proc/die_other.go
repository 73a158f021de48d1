//go:build unix && !linux

package proc

import "syscall"

// needsGuard is true where the kernel does not tie children to their parent.
const needsGuard = true

func dieWithParent(*syscall.SysProcAttr) {}
