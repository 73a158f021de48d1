//go:build !linux

package postgres

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// owner is not needed where this process is an ordinary user; Repsync's own images are Linux.
type owner struct{}

func runAs(string) (*owner, error) {
	if os.Geteuid() == 0 {
		return nil, errors.New("postgres may not run as root; start this as an ordinary user")
	}
	return nil, nil
}

func (o *owner) String() string                       { return "" }
func (o *owner) own(...string) error                  { return nil }
func (o *owner) attributes(bool) *syscall.SysProcAttr { return nil }

// startChild starts cmd. Only Linux ends a child with its parent; elsewhere Stop has to be called.
func startChild(cmd *exec.Cmd) (*os.Process, chan struct{}, error) {
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	return cmd.Process, exited, nil
}
