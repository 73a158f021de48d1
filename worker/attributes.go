package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/workflows"
)

// registerTries is how often the attributes are registered: a server answers "unavailable" where somebody else changed a namespace,
// be it another one, in the same moment.
const registerTries = 5

const (
	useExisting    = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	allowDuplicate = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
)

// registerSearchAttributes adds what RepSync upserts to the namespace. A server that does not let the worker (Temporal
// Cloud, a namespace with its own admins) is asked which it knows; where one is missing, workflows run without, as the result
// says. Error: the server is gone, which says nothing of what it lets the worker do.
func registerSearchAttributes(ctx context.Context, server operatorservice.OperatorServiceClient, namespace string, log *slog.Logger) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	namespace = cmp.Or(namespace, client.DefaultNamespace)
	wanted := map[string]enumspb.IndexedValueType{}
	for _, key := range []interface{ GetName() string }{workflows.AttributeOrg, workflows.AttributeProvider, workflows.AttributeState, workflows.AttributePolicy} {
		wanted[key.GetName()] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	known := func() (bool, error) {
		got, err := server.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
		for name, kind := range wanted {
			if err != nil || got.GetCustomAttributes()[name] != kind {
				return false, err
			}
		}
		return true, nil
	}
	var is bool
	var err error
	for range registerTries {
		if is, err = known(); is || gone(err) {
			break
		}
		if _, err = server.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: wanted}); err == nil {
			return true, nil
		}
		if !gone(err) {
			is, err = known() // another worker may have been faster
			break
		}
	}
	if gone(err) {
		return false, fmt.Errorf("register search attributes: %w", err)
	}
	if !is {
		log.WarnContext(ctx, "search attributes are not registered and the worker may not: the Web UI cannot filter by them; add RepsyncOrg, RepsyncProvider, RepsyncState and RepsyncPolicy (Keyword) and restart",
			slog.String("namespace", namespace))
	}
	return is, nil
}

// gone reports whether an error is a server's absence rather than its answer.
func gone(err error) bool {
	var unavailable *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	return errors.As(err, &unavailable) || errors.As(err, &late) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
