// Package proc starts servers as child processes that never outlive their parent, and finds ports for them.
//
// A child runs in a process group of its own, so that a Ctrl-C in the terminal reaches only the parent, which then
// stops its children in order. When the parent dies without stopping them, killed for example, the children go too: on
// Linux the kernel sees to it (PR_SET_PDEATHSIG); elsewhere a tiny shell holds the other end of a pipe, and kills the
// group when the pipe closes.
package proc
