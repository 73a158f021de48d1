package main

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc"
)

// operator answers what a server's operators may ask.
type operator struct {
	operatorservice.OperatorServiceClient
	knows           map[string]enumspb.IndexedValueType
	refuses, listed error
	elsewhere       bool // another worker registers them meanwhile
	busy            int  // how often somebody else changes a namespace in the same moment
}

func (o *operator) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest, ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error) {
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: o.knows}, o.listed
}

func (o *operator) AddSearchAttributes(_ context.Context, in *operatorservice.AddSearchAttributesRequest, _ ...grpc.CallOption) (*operatorservice.AddSearchAttributesResponse, error) {
	if o.busy > 0 {
		o.busy--
		return nil, serviceerror.NewUnavailable("conditional update error: expect: 126, actual: 127")
	}
	if o.refuses == nil || o.elsewhere {
		o.knows = in.GetSearchAttributes()
	}
	return &operatorservice.AddSearchAttributesResponse{}, o.refuses
}

// Only a server's answer tells that the worker may not register search attributes. One that is gone does not: workflows would
// run without for as long as the worker lives.
func TestRegisterSearchAttributes(t *testing.T) {
	t.Parallel()
	denied, away, late := serviceerror.NewPermissionDenied("Request unauthorized.", ""), serviceerror.NewUnavailable("connection refused"), serviceerror.NewDeadlineExceeded("too late")
	for name, tt := range map[string]struct {
		server operator
		want   bool
		fails  error
	}{
		"it lets the worker":                  {want: true},
		"it does not":                         {server: operator{refuses: denied}},
		"it does not, nor may the worker ask": {server: operator{refuses: denied, listed: denied}},
		"it has no such service":              {server: operator{refuses: serviceerror.NewUnimplemented("unknown service"), listed: serviceerror.NewUnimplemented("unknown service")}},
		"another worker was faster":           {server: operator{refuses: serviceerror.NewAlreadyExists("there"), elsewhere: true}, want: true},
		"it is busy with a namespace":         {server: operator{busy: 2}, want: true},
		"it is gone":                          {server: operator{refuses: away, listed: away}, fails: away},
		"it goes meanwhile":                   {server: operator{refuses: away}, fails: away},
		"it does not answer in time":          {server: operator{listed: late}, fails: late},
		"the worker is stopped":               {server: operator{listed: context.Canceled}, fails: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := registerSearchAttributes(t.Context(), &tt.server, "", slog.New(slog.DiscardHandler))
			require.ErrorIs(t, err, tt.fails)
			require.Equal(t, tt.want, got)
		})
	}
}
