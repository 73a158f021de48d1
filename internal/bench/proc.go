package bench

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is what /proc counts CPU time in (proc(5): sysconf(_SC_CLK_TCK), 100 on all of Linux's architectures).
const clockTick = time.Second / 100

// cpuOf is the CPU time that a process has used, user and system, its threads' included. Error: there is no such process,
// or no /proc (bench runs on Linux).
func cpuOf(pid int) (time.Duration, error) {
	f, err := statOf(pid)
	if err != nil {
		return 0, err
	}
	return ticks(f[11:13])
}

// serverCPU is the CPU time that a server of one process per connection has used: its own, that of the children that have
// ended, and that of those that live.
func serverCPU(pid int) (time.Duration, error) {
	own, err := statOf(pid)
	if err != nil {
		return 0, err
	}
	sum, err := ticks(own[11:15])
	if err != nil {
		return 0, err
	}
	all, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, e := range all {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		f, err := statOf(child)
		if err != nil || f[1] != strconv.Itoa(pid) { // it has ended meanwhile, or is another's
			continue
		}
		n, err := ticks(f[11:13])
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// parentOf is the process that started one.
func parentOf(pid int) (int, error) {
	f, err := statOf(pid)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(f[1])
}

// statOf are the fields of /proc/PID/stat after the name: state, parent, and so on.
func statOf(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	at := strings.LastIndex(string(text), ") ")
	f := strings.Fields(string(text)[max(at+2, 0):])
	if at < 0 || len(f) < 15 {
		return nil, fmt.Errorf("read /proc/%d/stat: it has %d fields", pid, len(f))
	}
	return f, nil
}

func ticks(fields []string) (sum time.Duration, err error) {
	for _, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read /proc: %w", err)
		}
		sum += time.Duration(n) * clockTick
	}
	return sum, nil
}

// peakOf is the most memory that a process ever had resident, in bytes (proc(5), VmHWM).
func peakOf(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, after, found := strings.Cut(string(text), "VmHWM:")
	f := strings.Fields(after)
	if !found || len(f) == 0 {
		return 0, errors.New("read /proc: no VmHWM")
	}
	kib, err := strconv.ParseInt(f[0], 10, 64)
	return kib << 10, err
}
