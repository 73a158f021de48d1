package temporaldev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/repsync/repsync/internal/devstack/proc"
)

// DefaultNamespace is there on every development server.
const DefaultNamespace = "default"

// Config says how to run a server.
type Config struct {
	CLI      string   // Temporal's CLI, as Find or Install returned it. Required
	DB       string   // SQLite file that survives a restart; "" keeps everything in memory
	Port     int      // preferred port of the frontend, taken → the next free one; 0 is any
	UIPort   int      // preferred port of the Web UI, likewise
	Headless bool     // no Web UI
	Log      *os.File // takes the server's log; nil discards it
	Dynamic  []string // dynamic configuration values, "key=JSON"
}

// Server is a running server.
type Server struct {
	Address string // host:port of the frontend
	UI      string // address of the Web UI, "" when headless
	process *proc.Process
}

// attempts is how often a server is started when somebody else takes its port between finding and using it.
const attempts = 3

// startLimit is how long one start may take before it counts as hung. About 1 s is usual.
const startLimit = time.Minute

// Start starts a server and returns when it serves the default namespace. Error: no port is free, or the server ended
// or stayed silent; the error then quotes its last words.
func Start(ctx context.Context, c Config) (*Server, error) {
	var errs []error
	for range attempts {
		s, err := startOnce(ctx, c)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
		var ended *endedError
		if !errors.As(err, &ended) {
			break
		}
	}
	return nil, fmt.Errorf("start Temporal: %w", errs[len(errs)-1])
}

// endedError says that the server ended before it served, as it does when its port was taken meanwhile.
type endedError struct{ error }

func (e *endedError) Unwrap() error { return e.error }

func startOnce(ctx context.Context, c Config) (*Server, error) {
	ports, err := proc.FreePorts(c.Port, c.UIPort)
	if err != nil {
		return nil, err
	}
	s := &Server{Address: proc.Addr(ports[0])}
	args := []string{"server", "start-dev", "--ip", proc.Host, "--port", strconv.Itoa(ports[0]), "--log-level", "warn"}
	if c.Headless {
		args = append(args, "--headless")
	} else {
		args = append(args, "--ui-port", strconv.Itoa(ports[1]))
		s.UI = "http://" + proc.Addr(ports[1])
	}
	for _, v := range c.Dynamic {
		args = append(args, "--dynamic-config-value", v)
	}
	if c.DB != "" {
		args = append(args, "--db-filename", c.DB)
	}
	if s.process, err = proc.Start(proc.Config{Name: "Temporal", Path: c.CLI, Args: args, Log: c.Log}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := s.wait(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// between is the time between two looks at a server that starts.
const between = 50 * time.Millisecond

// wait returns when the server answers for the default namespace.
func (s *Server) wait(ctx context.Context) error {
	c, err := client.NewLazyClient(client.Options{HostPort: s.Address, Logger: quiet})
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	defer c.Close()
	tick := time.NewTicker(between)
	defer tick.Stop()
	for {
		_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: DefaultNamespace})
		if err == nil {
			return nil
		}
		select {
		case <-s.process.Done():
			return &endedError{cmpErr(s.process.Err(), errors.New("it ended before it served"))}
		case <-ctx.Done():
			return fmt.Errorf("wait until it serves: %w; last answer: %w; its last words:\n%s", ctx.Err(), err, s.process.Tail())
		case <-tick.C:
		}
	}
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Done is closed when the server is gone.
func (s *Server) Done() <-chan struct{} { return s.process.Done() }

// Err tells how a server that is gone ended.
func (s *Server) Err() error { return s.process.Err() }

// PID is the server's process id.
func (s *Server) PID() int { return s.process.PID() }

// stopGrace is how long a server may take to close its database.
const stopGrace = 10 * time.Second

// Stop stops the server and returns when it is gone.
func (s *Server) Stop() error { return s.process.Stop(stopGrace) }

// quiet drops what the SDK logs while it cannot reach a server that is still starting.
var quiet = log.NewStructuredLogger(slog.New(slog.DiscardHandler))
