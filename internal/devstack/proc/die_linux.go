package proc

import "syscall"

// needsGuard is false where the kernel itself ties children to their parent.
const needsGuard = false

// dieWithParent has the kernel kill the child when the thread that started it ends; see prctl(2), PR_SET_PDEATHSIG.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
