package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"go.temporal.io/sdk/client"
)

// varHTTP names the address of the health and metrics endpoints.
const varHTTP = "REPSYNC_HTTP"

// httpServer serves health and metrics.
type httpServer struct {
	server *http.Server
	addr   string
}

func newHTTPServer(w *Worker) *httpServer {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "ok") })
	mux.HandleFunc("GET /readyz", func(rw http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		if w.stopping.Load() {
			http.Error(rw, "stopping", http.StatusServiceUnavailable)
			return
		}
		if err := w.store.Check(ctx); err != nil {
			http.Error(rw, "store: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		if _, err := w.temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
			http.Error(rw, "temporal does not answer", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(rw, "ready")
	})
	mux.Handle("GET /metrics", w.metrics.Handler())
	return &httpServer{addr: cmp.Or(os.Getenv(varHTTP), "127.0.0.1:9464"), server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
}

// start listens; a port that is taken gives way to any free one, which is logged.
func (s *httpServer) start(log *slog.Logger) error {
	if s.addr == "off" {
		return nil
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		host, _, splitErr := net.SplitHostPort(s.addr)
		if splitErr != nil {
			return fmt.Errorf("listen on %s=%s: %w; give host:port or off", varHTTP, s.addr, err)
		}
		if l, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			return fmt.Errorf("listen on %s=%s: %w; give host:port or off", varHTTP, s.addr, err)
		}
	}
	log.Info("health and metrics", slog.String("address", "http://"+l.Addr().String()))
	go func() {
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("health and metrics ended", slog.String("error", err.Error()))
		}
	}()
	return nil
}

func (s *httpServer) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = s.server.Shutdown(ctx)
}
