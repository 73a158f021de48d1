package proc

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// guardScript waits for the end of its input, which comes when the parent is gone, and kills the group. It ignores what
// a terminal sends.
const guardScript = `trap '' INT TERM HUP; while read -r _; do :; done; kill -s KILL -- "-$0" 2>/dev/null`

// guard kills process group pgid when this process is gone, or when the returned function is called. The shell's input
// is a pipe whose only writing end is ours and is closed on exec, so that no other child keeps it open.
func guard(pgid int) (end func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", guardScript, strconv.Itoa(pgid))
	cmd.Stdin = r
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("start shell: %w", err)
	}
	return func() {
		w.Close()
		_ = cmd.Wait() // kill says "no such process" when the group is gone already
	}, nil
}
