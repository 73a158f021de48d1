package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Config says what to start.
type Config struct {
	Name string   // for messages, "Temporal"
	Path string   // the executable
	Args []string // without the executable's own name
	Env  []string // the whole environment; nil is the parent's
	Dir  string   // working directory; "" is the parent's
	Log  *os.File // takes stdout and stderr; nil discards both. It stays the caller's to close
}

// Process is a running child.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{} // closed once the child is gone and err is set
	err  error

	stop    sync.Once
	stopErr error
}

// Start starts a child. Error: the executable cannot be run.
func Start(c Config) (*Process, error) {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env, cmd.Dir = c.Env, c.Dir
	if c.Log != nil {
		cmd.Stdout, cmd.Stderr = c.Log, c.Log // as a file, not a pipe: the child's output needs no goroutine of ours
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)

	p := &Process{name: c.Name, cmd: cmd, log: c.Log, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel sends the death signal when the thread that forked ends, so that thread must live as long as the
		// child does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	if needsGuard {
		end, err := guard(p.PID())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: guard its process: %w", c.Name, err), p.Stop(0))
		}
		go func() {
			<-p.done
			end()
		}()
	}
	return p, nil
}

// PID is the child's process id, which is its group's too.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child is gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how a child that is gone ended, with the last lines of its log; nil when it ended by itself with code 0,
// and while it runs.
func (p *Process) Err() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	if p.err == nil {
		return nil
	}
	if tail := p.Tail(); tail != "" {
		return fmt.Errorf("%s ended: %w; its last words:\n%s", p.name, p.err, tail)
	}
	return fmt.Errorf("%s ended: %w", p.name, p.err)
}

// Stop asks the child's group to end, and ends it by force after grace. It returns when the child is gone; stopping it
// twice, or after it ended, is no error.
func (p *Process) Stop(grace time.Duration) error {
	p.stop.Do(func() { p.stopErr = p.end(grace) })
	return p.stopErr
}

func (p *Process) end(grace time.Duration) error {
	if grace > 0 {
		if err := p.signal(syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-p.done:
		case <-time.After(grace):
		}
	}
	// Also after a peaceful end: whatever the child itself started and left behind goes with its group.
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

func (p *Process) signal(s syscall.Signal) error {
	err := syscall.Kill(-p.PID(), s)
	if err == nil || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	if errors.Is(err, syscall.EPERM) { // macOS says so for a group that holds nothing but a zombie
		select {
		case <-p.done:
			return nil
		default:
		}
	}
	return fmt.Errorf("stop %s (pid %d): %w", p.name, p.PID(), err)
}

// tailBytes is how much of a log an error quotes.
const tailBytes = 2 << 10

// Tail returns the last lines that the child logged.
func (p *Process) Tail() string {
	if p.log == nil {
		return ""
	}
	end, err := p.log.Stat()
	if err != nil {
		return ""
	}
	from := max(0, end.Size()-tailBytes)
	text, err := io.ReadAll(io.NewSectionReader(p.log, from, tailBytes))
	if err != nil {
		return ""
	}
	if _, rest, cut := strings.Cut(string(text), "\n"); cut && from > 0 {
		return strings.TrimSpace(rest) // the first line is most likely half a line
	}
	return strings.TrimSpace(string(text))
}

// CreateLog makes an empty log file for one child, readable by its owner only.
func CreateLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make log directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	return f, nil
}

// UnnamedLog makes a log file that is on no disk's directory and vanishes with its last reader: for tests.
func UnnamedLog() (*os.File, error) {
	f, err := os.CreateTemp("", "repsync-*.log")
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("make log: %w", err), f.Close())
	}
	return f, nil
}
