package main

import (
	"context"
	"log/slog"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/workflows"
)

const (
	useExisting    = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	allowDuplicate = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
)

// registerSearchAttributes adds what RepSync upserts to the namespace. A server that does not let the worker (Temporal
// Cloud, a namespace with its own admins) is asked which it knows; where one is missing, workflows run without.
func registerSearchAttributes(ctx context.Context, c client.Client, namespace string, log *slog.Logger) bool {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if namespace == "" {
		namespace = client.DefaultNamespace
	}
	wanted := map[string]enumspb.IndexedValueType{}
	for _, key := range []interface{ GetName() string }{workflows.AttributeOrg, workflows.AttributeProvider, workflows.AttributeState, workflows.AttributePolicy} {
		wanted[key.GetName()] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	known := func() bool {
		got, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
		if err != nil {
			return false
		}
		for name, kind := range wanted {
			if got.GetCustomAttributes()[name] != kind {
				return false
			}
		}
		return true
	}
	if known() {
		return true
	}
	_, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: wanted})
	if err == nil || known() {
		return true
	}
	log.WarnContext(ctx, "search attributes are not registered and the worker may not: the Web UI cannot filter by them; add RepsyncOrg, RepsyncProvider, RepsyncState and RepsyncPolicy (Keyword) and restart",
		slog.String("namespace", namespace))
	return false
}
