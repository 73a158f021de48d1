package temporaldev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Module is what Install installs. Later versions carry a replace directive, which `go install` refuses.
const Module = "github.com/temporalio/cli/cmd/temporal@v1.5.1"

// ErrNoCLI says that Temporal's CLI is nowhere to be found.
var ErrNoCLI = errors.New("Temporal's CLI is neither on PATH nor in Go's bin directory; run `make tools`, or install it as Temporal's documentation says") //nolint:staticcheck // Temporal is a name

// Find returns the path of Temporal's CLI: from PATH, else from the directory that `go install` installs into. Error:
// ErrNoCLI.
func Find(ctx context.Context) (string, error) {
	if path, err := exec.LookPath("temporal"); err == nil {
		return path, nil
	}
	dir, err := goBin(ctx)
	if err != nil {
		return "", errors.Join(ErrNoCLI, err)
	}
	path, err := exec.LookPath(filepath.Join(dir, "temporal"))
	if err != nil {
		return "", ErrNoCLI
	}
	return path, nil
}

// every is how often Install tells how far it is.
const every = 5 * time.Second

// Install returns the path of Temporal's CLI, installing it where it is missing. It tells progress what it does, what
// that costs and how long it has been at it.
func Install(ctx context.Context, progress func(string)) (string, error) {
	path, err := Find(ctx)
	if !errors.Is(err, ErrNoCLI) {
		return path, err
	}
	dir, err := goBin(ctx)
	if err != nil {
		return "", errors.Join(ErrNoCLI, err)
	}
	progress("Temporal's CLI is missing: building " + Module + " into " + dir + ", about 4 minutes on 2 cores, once")
	if err := goInstall(ctx, progress); err != nil {
		return "", err
	}
	return Find(ctx)
}

func goInstall(ctx context.Context, progress func(string)) error {
	cmd := exec.CommandContext(ctx, "go", "install", Module)
	cmd.Env = append(os.Environ(), "GOFLAGS=") // a project's flags (-mod=vendor) make no sense for a tool
	type outcome struct {
		text []byte
		err  error
	}
	done := make(chan outcome, 1)
	start := time.Now()
	go func() {
		text, err := cmd.CombinedOutput()
		done <- outcome{text, err}
	}()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			progress(fmt.Sprintf("building Temporal's CLI: %d s so far", int(time.Since(start).Seconds())))
		case o := <-done:
			if o.err != nil {
				return fmt.Errorf("install Temporal's CLI: %w; is the Go module proxy reachable (go env GOPROXY)? go said:\n%s", o.err, o.text)
			}
			progress(fmt.Sprintf("built Temporal's CLI in %d s", int(time.Since(start).Seconds())))
			return nil
		}
	}
}

// goBin is the directory that `go install` installs into.
func goBin(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOBIN", "GOPATH").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for its bin directory: %w", err)
	}
	bin, path, _ := strings.Cut(strings.TrimRight(string(out), "\n"), "\n")
	if bin != "" {
		return bin, nil
	}
	first, _, _ := strings.Cut(path, string(os.PathListSeparator))
	return filepath.Join(first, "bin"), nil
}
