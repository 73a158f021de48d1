package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/query/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// The canaries: every value that the vendors' people have in these tests contains one of them.
const (
	canaryWord   = "zqxcanary"   // in texts and addresses, in any case
	canaryNumber = "617555919"   // in phone numbers, however they are punctuated
	canaryDay    = "1907-03-1"   // in dates
	canaryPlace  = "12.34567891" // in coordinates
	canaryRule   = "freq=weekly" // in rules of series, of which one is
	canaryRules  = "freq=yearly"
)

var canaries = []string{canaryWord, canaryNumber, canaryDay, canaryPlace, canaryRule, canaryRules}

// scanner looks for canaries and keeps where it found them.
type scanner struct {
	found []string // "where: what"
	seen  int      // values looked at, for a test that a scan was no empty gesture
}

// deepest is how many layers of encoding are taken off: a sealed JSON in base64 in a JSON in a payload is four.
const deepest = 6

// punctuation is what people put between the digits of a phone number.
var punctuation = strings.NewReplacer(" ", "", "(", "", ")", "", ".", "", "/", "", "-", "")

// encoded finds what may be base64 or hex inside a longer text.
var encoded = regexp.MustCompile(`[A-Za-z0-9+/_-]{12,}={0,2}`)

// bytes looks at bytes as they are, and as everything that they can be decoded to.
func (s *scanner) bytes(where string, b []byte) { s.look(where, b, 0) }

func (s *scanner) text(where, text string) { s.look(where, []byte(text), 0) }

func (s *scanner) look(where string, b []byte, depth int) {
	s.seen++
	lower := strings.ToLower(string(b))
	dense := punctuation.Replace(lower)
	for _, c := range canaries {
		if strings.Contains(lower, c) || strings.Contains(dense, c) {
			s.found = append(s.found, fmt.Sprintf("%s: %s (%.200q)", where, c, around(lower, c)))
			return
		}
	}
	if depth == deepest {
		return
	}
	next := func(how string, b []byte) { s.look(where+" › "+how, b, depth+1) }
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		if r, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
			if plain, err := io.ReadAll(io.LimitReader(r, 1<<24)); err == nil {
				next("gzip", plain)
			}
		}
	}
	var decoded any
	if json.Unmarshal(b, &decoded) == nil {
		eachString(decoded, func(v string) {
			if v != string(b) {
				next("JSON", []byte(v))
			}
		})
	}
	if strings.Contains(lower, "%") {
		if plain, err := url.QueryUnescape(string(b)); err == nil && plain != string(b) {
			next("percent", []byte(plain))
		}
	}
	for _, run := range encoded.FindAllString(string(b), -1) {
		if plain, err := hex.DecodeString(run); err == nil {
			next("hex", plain)
			continue
		}
		run = strings.TrimRight(run, "=")
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if plain, err := e.DecodeString(run[:len(run)/4*4+min(len(run)%4, 3)]); err == nil {
				next("base64", plain)
				break
			}
		}
	}
}

// around is the part of a text near a canary, for the message.
func around(text, canary string) string {
	at := max(strings.Index(text, canary), 0)
	return text[max(0, at-60):min(len(text), at+60)]
}

// eachString visits every string and key of a JSON value.
func eachString(v any, visit func(string)) {
	switch v := v.(type) {
	case string:
		visit(v)
	case []any:
		for _, e := range v {
			eachString(e, visit)
		}
	case map[string]any:
		for k, e := range v {
			visit(k)
			eachString(e, visit)
		}
	}
}

// message looks at every field of a message, whatever its type, so that none is forgotten when Temporal adds one.
func (s *scanner) message(where string, m proto.Message) { s.reflect(where, m.ProtoReflect()) }

func (s *scanner) reflect(where string, m protoreflect.Message) {
	if len(m.GetUnknown()) > 0 {
		s.bytes(where+".(unknown)", m.GetUnknown())
	}
	if wrapped, ok := m.Interface().(*anypb.Any); ok {
		if inner, err := wrapped.UnmarshalNew(); err == nil {
			s.message(where+".(any)", inner)
		}
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		at := where + "." + string(f.Name())
		switch {
		case f.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, e protoreflect.Value) bool {
				s.text(at+"(key)", k.String())
				s.value(at+"["+k.String()+"]", f.MapValue(), e)
				return true
			})
		case f.IsList():
			for i := range v.List().Len() {
				s.value(fmt.Sprintf("%s[%d]", at, i), f, v.List().Get(i))
			}
		default:
			s.value(at, f, v)
		}
		return true
	})
}

func (s *scanner) value(where string, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch f.Kind() {
	case protoreflect.StringKind:
		s.text(where, v.String())
	case protoreflect.BytesKind:
		s.bytes(where, v.Bytes())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		s.reflect(where, v.Message())
	default: // numbers and names of enums say nothing of a person
	}
}

// everything looks at all that Temporal keeps of a world's namespace: every run of every workflow, with its history, its
// description (memo, search attributes, details, what is pending) and, while it runs, the answers to its queries.
func (s *scanner) everything(ctx context.Context, w *world) (runs int, err error) {
	var list []*workflow.WorkflowExecutionInfo
	for page := []byte(nil); ; {
		got, err := w.temporal.Client.WorkflowService().ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: w.temporal.Name, NextPageToken: page})
		if err != nil {
			return 0, err
		}
		list = append(list, got.GetExecutions()...)
		if page = got.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	for _, run := range list {
		at := run.GetExecution().GetWorkflowId()
		s.message(at+" listed", run)
		if err := s.described(ctx, w, run.GetExecution()); err != nil {
			return 0, err
		}
		for page := []byte(nil); ; {
			got, err := w.temporal.Client.WorkflowService().GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{
				Namespace: w.temporal.Name, Execution: run.GetExecution(), NextPageToken: page})
			if err != nil {
				return 0, err
			}
			for _, e := range got.GetHistory().GetEvents() {
				s.message(fmt.Sprintf("%s event %d %s", at, e.GetEventId(), e.GetEventType()), e)
			}
			if page = got.GetNextPageToken(); len(page) == 0 {
				break
			}
		}
	}
	return len(list), nil
}

// described looks at what Temporal shows of a run now: pending activities with their heartbeats and failures are in no
// history yet, and some never are.
func (s *scanner) described(ctx context.Context, w *world, run *common.WorkflowExecution) error {
	d, err := w.temporal.Client.WorkflowService().DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{Namespace: w.temporal.Name, Execution: run})
	if err != nil {
		return err
	}
	s.message(run.GetWorkflowId()+" described", d)
	for _, name := range []string{"status", "__temporal_workflow_metadata", "__stack_trace"} {
		answer, err := w.temporal.Client.WorkflowService().QueryWorkflow(ctx, &workflowservice.QueryWorkflowRequest{
			Namespace: w.temporal.Name, Execution: run, Query: &query.WorkflowQuery{QueryType: name}})
		if err != nil {
			s.text(run.GetWorkflowId()+" query "+name+" refused", err.Error())
			continue
		}
		s.message(run.GetWorkflowId()+" query "+name, answer)
	}
	return nil
}

// logFiles looks at everything that the world's workers logged.
func (s *scanner) logFiles(w *world) error {
	for _, path := range w.logs {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			s.text(path, line)
		}
	}
	return nil
}

// databaseText looks at every column of every row of every table of a database.
func (s *scanner) databaseText(ctx context.Context, url string) (rows int, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	names, err := conn.Query(ctx, "select table_name::text from information_schema.tables where table_schema = 'public'")
	if err != nil {
		return 0, err
	}
	tables, err := pgx.CollectRows(names, pgx.RowTo[string])
	if err != nil {
		return 0, err
	}
	for _, table := range slices.Sorted(slices.Values(tables)) {
		got, err := conn.Query(ctx, "select row_to_json(t)::text from "+pgx.Identifier{table}.Sanitize()+" t")
		if err != nil {
			return 0, err
		}
		texts, err := pgx.CollectRows(got, pgx.RowTo[string])
		if err != nil {
			return 0, err
		}
		for _, text := range texts {
			var columns map[string]any
			if err := json.Unmarshal([]byte(text), &columns); err != nil {
				return 0, err
			}
			for column, v := range columns {
				if b, isText := v.(string); isText && strings.HasPrefix(b, `\x`) {
					v = strings.TrimPrefix(b, `\x`) // bytes, which the scanner takes from hex
				}
				s.text("table "+table+"."+column, fmt.Sprint(v))
			}
		}
		rows += len(texts)
	}
	return rows, nil
}
