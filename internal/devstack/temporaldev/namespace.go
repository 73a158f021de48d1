package temporaldev

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

// NewNamespace makes a namespace and returns a client that speaks to it, which the caller closes. Registering returns before
// every service of the server knows the name; NewNamespace returns once all do. Error: the name is taken, or the server cannot
// be reached.
func (s *Server) NewNamespace(ctx context.Context, name string) (_ client.Client, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	c, err := client.NewLazyClient(client.Options{HostPort: s.Address, Namespace: name, Logger: quiet})
	if err != nil {
		return nil, fmt.Errorf("make namespace %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace:                        name,
		WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if err != nil {
		return nil, fmt.Errorf("make namespace %s: %w", name, err)
	}
	tick := time.NewTicker(between)
	defer tick.Stop()
	for {
		_, missing := c.WorkflowService().ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: name, PageSize: 1})
		if missing == nil {
			return c, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("make namespace %s: it does not become visible: %w", name, missing)
		}
	}
}
