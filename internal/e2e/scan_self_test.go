package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/failure/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/repsync/repsync/workflows"
)

const planted = "Ada Zqxcanary <ada@zqxcanary.test>"

// payload is a value as the SDK's default converter encodes it.
func payload(t *testing.T, v any) *common.Payload {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayload(v)
	require.NoError(t, err)
	return p
}

// TestPlantedCanaryIsFoundInEncodings holds that no usual way of writing a value hides it from the scan.
func TestPlantedCanaryIsFoundInEncodings(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write([]byte(planted))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	for name, text := range map[string]string{
		"as it is":                    planted,
		"upper case":                  strings.ToUpper(planted),
		"inside a sentence":           "validation failed: " + planted + " is taken",
		"JSON":                        show(fields{"email": planted}),
		"a JSON key":                  show(fields{planted: 1}),
		"escaped JSON":                `{"name":"\u005aqxcanary"}`,
		"JSON in JSON":                show(fields{"body": show(fields{"email": planted})}),
		"base64":                      base64.StdEncoding.EncodeToString([]byte(planted)),
		"base64 without padding":      base64.RawURLEncoding.EncodeToString([]byte(planted)),
		"base64 in a JSON in base64":  base64.StdEncoding.EncodeToString([]byte(show(fields{"data": base64.StdEncoding.EncodeToString([]byte(planted))}))),
		"base64 inside a sentence":    "payload " + base64.StdEncoding.EncodeToString([]byte(planted)) + " refused",
		"hex":                         hex.EncodeToString([]byte(planted)),
		"gzip":                        zipped.String(),
		"a query":                     "/v1/people?q=%7A%71%78canary",
		"a phone number":              "call +1 (617) 555-9191",
		"a phone number, normal form": "+16175559191",
		"a date":                      "1907-03-11",
		"a meeting's UID":             "uid:Zqxcanary-uid@customer.test",
		"an occurrence's flat id":     "link 0a1b#Zqxcanary[Europe/Berlin]",
		"a conference link":           "https://meet.test/zqxcanary?pwd=1",
		"a series' rule":              "RRULE:FREQ=WEEKLY;COUNT=4",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s scanner
			s.text("here", text)
			require.NotEmpty(t, s.found)
		})
	}
	var clean scanner
	clean.text("here", show(fields{"org": org, "digest": "9b74c9897bac770ffc029102a200c5de", "id": "4s5qnc5pvn3mps9c25j0#2026-11-30T14:00:00[Europe/Berlin]", "at": "2026-11-22T05:32:46.617555123Z"}))
	require.Empty(t, clean.found)
}

// TestPlantedCanaryIsFoundInMessages holds that the scan reaches every part of what Temporal keeps.
func TestPlantedCanaryIsFoundInMessages(t *testing.T) {
	t.Parallel()
	p := payload(t, fields{"email": planted})
	all := &common.Payloads{Payloads: []*common.Payload{p}}
	wrapped, err := anypb.New(&workflow.WorkflowExecutionInfo{TaskQueue: planted})
	require.NoError(t, err)
	for name, m := range map[string]proto.Message{
		"input": &history.HistoryEvent{Attributes: &history.HistoryEvent_ActivityTaskScheduledEventAttributes{
			ActivityTaskScheduledEventAttributes: &history.ActivityTaskScheduledEventAttributes{Input: all}}},
		"header": &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowExecutionStartedEventAttributes{
			WorkflowExecutionStartedEventAttributes: &history.WorkflowExecutionStartedEventAttributes{Header: &common.Header{Fields: map[string]*common.Payload{"h": p}}}}},
		"memo":              &common.Memo{Fields: map[string]*common.Payload{"m": p}},
		"key of a memo":     &common.Memo{Fields: map[string]*common.Payload{planted: payload(t, 1)}},
		"search attributes": &common.SearchAttributes{IndexedFields: map[string]*common.Payload{"RepsyncState": p}},
		"payload metadata":  &common.Payload{Metadata: map[string][]byte{"note": []byte(planted)}},
		"summary":           &history.HistoryEvent{UserMetadata: &sdk.UserMetadata{Summary: payload(t, planted)}},
		"details":           &history.HistoryEvent{UserMetadata: &sdk.UserMetadata{Details: payload(t, planted)}},
		"heartbeat, pending": &workflowservice.DescribeWorkflowExecutionResponse{PendingActivities: []*workflow.PendingActivityInfo{
			{HeartbeatDetails: all}}},
		"failure's message":     &failure.Failure{Message: planted},
		"failure's stack trace": &failure.Failure{StackTrace: planted},
		"failure's details": &failure.Failure{FailureInfo: &failure.Failure_ApplicationFailureInfo{
			ApplicationFailureInfo: &failure.ApplicationFailureInfo{Details: all}}},
		"failure's encoded attributes": &failure.Failure{EncodedAttributes: p},
		"last heartbeat of a timeout": &failure.Failure{FailureInfo: &failure.Failure_TimeoutFailureInfo{
			TimeoutFailureInfo: &failure.TimeoutFailureInfo{LastHeartbeatDetails: all}}},
		"cause of a cause": &failure.Failure{Cause: &failure.Failure{Cause: &failure.Failure{Message: planted}}},
		"query result":     &workflowservice.QueryWorkflowResponse{QueryResult: all},
		"any":              &anypb.Any{TypeUrl: wrapped.GetTypeUrl(), Value: wrapped.GetValue()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s scanner
			s.message("here", m)
			require.NotEmpty(t, s.found)
		})
	}
	var clean scanner
	clean.message("here", &failure.Failure{Message: "the store could not acquire lease of alice: check Postgres", EncodedAttributes: payload(t, fields{"org": org})})
	require.Empty(t, clean.found)
	require.NotZero(t, clean.seen)
}

// TestPlantedCanaryIsFoundInTheWholeWorld plants on real servers, and scans as TestNoCustomerValueInTemporal does.
func TestPlantedCanaryIsFoundInTheWholeWorld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	ctx := t.Context()
	options := client.StartWorkflowOptions{ID: "planted", TaskQueue: workflows.TaskQueue, Memo: fields{"memo": planted},
		StaticSummary: planted, StaticDetails: planted}
	run, err := w.temporal.Client.ExecuteWorkflow(ctx, options, "Planted", fields{"input": planted})
	require.NoError(t, err)
	require.NoError(t, w.temporal.Client.SignalWorkflow(ctx, "planted", "", "planted", planted))
	require.NoError(t, w.temporal.Client.TerminateWorkflow(ctx, "planted", run.GetRunID(), planted, planted))
	var s scanner
	w.eventually(func() bool { // visibility follows a little later
		s = scanner{}
		n, err := s.everything(ctx, w)
		return err == nil && n == 1
	}, func() string { return "the planted run is not listed" })
	for _, where := range []string{
		"planted listed.memo.fields[memo].data", "described.workflow_execution_info.memo.fields[memo].data", "described.execution_config.user_metadata.summary.data",
		"WorkflowExecutionStarted.workflow_execution_started_event_attributes.input.payloads[0].data", "WorkflowExecutionStarted.user_metadata.details.data",
		"workflow_execution_signaled_event_attributes.input.payloads[0].data",
		"workflow_execution_terminated_event_attributes.reason", "workflow_execution_terminated_event_attributes.details.payloads[0].data",
	} {
		require.Contains(t, strings.Join(s.found, "\n"), where)
	}

	conn, err := pgx.Connect(ctx, w.database)
	require.NoError(t, err)
	defer conn.Close(ctx)
	for _, plant := range []string{
		"insert into org (org) values ('" + planted + "')",
		"create table planted_bytes as select convert_to('" + planted + "', 'UTF8') as b",
		"create table planted_series as select jsonb_build_object('recurrence', 'RRULE:FREQ=WEEKLY;COUNT=4') as j, 'Zqxcanary-uid@customer.test' as uid",
		"create table planted_json as select jsonb_build_object('deep', jsonb_build_array('" + planted + "')) as j",
	} {
		_, err := conn.Exec(ctx, plant)
		require.NoError(t, err)
	}
	s = scanner{}
	_, err = s.databaseText(ctx, w.database)
	require.NoError(t, err)
	for _, where := range []string{"table org.org", "table planted_bytes.b › hex", "table planted_json.j", "table planted_series.j", "table planted_series.uid"} {
		require.Contains(t, strings.Join(s.found, "\n"), where)
	}

	w.logs = append(w.logs, w.file("planted.log"))
	require.NoError(t, os.WriteFile(w.file("planted.log"), []byte("level=ERROR msg=refused words=\""+planted+"\"\n"), 0o600))
	s = scanner{}
	require.NoError(t, s.logFiles(w))
	require.Len(t, s.found, 1)
}
