package sandbox

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// tries is how many ports above a taken one are tried.
const tries = 100

// serve starts a server for a handler and returns its base URL.
func (s *Sandbox) serve(port int, h http.Handler) (string, error) {
	l, err := listen(port)
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second}
	s.servers = append(s.servers, srv)
	s.done.Go(func() { _ = srv.Serve(l) })
	return "http://" + l.Addr().String(), nil
}

// listen listens on a port of this machine, or the next free one above it.
func listen(port int) (net.Listener, error) {
	for p := port; p < port+tries && p <= 65535; p++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if err == nil {
			return l, nil
		}
		if port == 0 || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen on port %d: %w", p, err)
		}
	}
	return nil, fmt.Errorf("listen on port %d: it and the %d above it are taken: choose another", port, tries-1)
}

// late is a handler as it is some way off: each request takes so much longer.
func late(by time.Duration, h http.Handler) http.Handler {
	if by <= 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := time.NewTimer(by)
		defer t.Stop()
		select {
		case <-t.C:
			h.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}
