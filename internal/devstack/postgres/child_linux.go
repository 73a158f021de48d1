package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	osuser "os/user"
	"runtime"
	"strconv"
	"syscall"
)

// owner is the user that the server runs as; nil is this process's own.
type owner struct {
	name     string
	uid, gid int
}

// runAs picks the server's user. Only root needs another one: whoever owns the data already, else postgres or nobody.
func runAs(data string) (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if info, err := os.Stat(data); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			return &owner{name: "uid " + strconv.Itoa(int(st.Uid)), uid: int(st.Uid), gid: int(st.Gid)}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := osuser.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &owner{name, uid, gid}, nil
	}
	return nil, errors.New("postgres may not run as root, and there is no user postgres or nobody")
}

// String is " as postgres" for messages.
func (o *owner) String() string {
	if o == nil {
		return ""
	}
	return " as " + o.name
}

func (o *owner) own(paths ...string) error {
	if o == nil {
		return nil
	}
	for _, p := range paths {
		if err := os.Chown(p, o.uid, o.gid); err != nil {
			return err
		}
	}
	return nil
}

// attributes of a child that dies with its parent. A server has its own process group, so that Ctrl-C in a terminal
// reaches the process that owns it, and that one ends it in order.
func (o *owner) attributes(server bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT, Setpgid: server}
	if o != nil {
		a.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
	}
	return a
}

// startChild starts cmd from a thread that lives as long as the child does: the death signal of Linux follows the
// parent's thread, not its process (prctl(2), PR_SET_PDEATHSIG).
func startChild(cmd *exec.Cmd) (*os.Process, chan struct{}, error) {
	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended stands in its log
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		return nil, nil, err
	}
	return cmd.Process, exited, nil
}
