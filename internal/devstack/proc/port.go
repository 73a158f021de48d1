package proc

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Host is the only address that anything here listens on.
const Host = "127.0.0.1"

// tries is how many ports from the preferred one on are tried.
const tries = 100

// FreePorts returns, for each preferred port, the first one from there on that nothing listens on, or any free port
// where 0 is preferred; no port comes back twice. Nothing reserves them afterwards: somebody else may take one before
// the caller does.
func FreePorts(preferred ...int) ([]int, error) {
	held := make([]net.Listener, 0, len(preferred)) // until all are found, so that no port is found twice
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	ports := make([]int, len(preferred))
	for i, p := range preferred {
		l, err := listenFrom(p)
		if err != nil {
			return nil, err
		}
		held = append(held, l)
		ports[i] = l.Addr().(*net.TCPAddr).Port //nolint:errcheck // a TCP listener's address is a *net.TCPAddr
	}
	return ports, nil
}

// Addr joins Host and port.
func Addr(port int) string { return net.JoinHostPort(Host, strconv.Itoa(port)) }

func listenFrom(preferred int) (net.Listener, error) {
	last := preferred + tries - 1
	if preferred == 0 {
		last = 0
	}
	for port := preferred; port <= last; port++ {
		l, err := net.Listen("tcp4", Addr(port))
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
	}
	return nil, fmt.Errorf("find a free port: %d to %d are all taken; stop what listens there, or name other ports", preferred, last)
}
