package google_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/people/v1"

	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/google"
)

func TestQuotas(t *testing.T) {
	t.Parallel()
	person := &people.Person{Names: []*people.Name{{GivenName: "A"}}}
	for _, c := range []struct {
		name   string
		quota  google.Quota
		call   func(svc *people.Service) error
		reason string // of ErrorInfo
		words  string
	}{
		{"critical reads", google.Quota{CriticalReads: 2}, func(svc *people.Service) error {
			_, err := svc.People.Get("people/me").PersonFields("names").Do()
			return err
		}, "RATE_LIMIT_EXCEEDED", "Critical read requests"},
		{"critical writes", google.Quota{CriticalWrites: 2}, func(svc *people.Service) error {
			_, err := svc.People.CreateContact(person).Do()
			return err
		}, "RATE_LIMIT_EXCEEDED", "Critical write requests"},
		{"first pages of full reads", google.Quota{FullReads: 2}, func(svc *people.Service) error {
			_, err := full(svc).Do()
			return err
		}, "", "Resource has been exhausted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, google.Config{Quota: c.quota})
			b.AddUser("bob@acme.test", false)
			svc, other := b.client(t, alice), b.client(t, "bob@acme.test")
			require.NoError(t, c.call(svc))
			require.NoError(t, c.call(svc))
			e := apiError(t, c.call(svc))
			require.Equal(t, 429, e.Code)
			require.Equal(t, "RESOURCE_EXHAUSTED", e.Status)
			require.Contains(t, e.Message, c.words)
			require.NotEmpty(t, e.Details)
			if c.reason != "" {
				require.Equal(t, []string{c.reason}, e.Reasons)
			}
			require.NoError(t, c.call(other), "quotas are per user")
			b.clock.advance(time.Minute)
			require.NoError(t, c.call(svc), "the next minute is free again")
			b.SetQuota(google.Quota{})
			for range 5 {
				require.NoError(t, c.call(svc))
			}
		})
	}
}

func TestSyncReadsAndFurtherPagesAreNoFullReads(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{Quota: google.Quota{FullReads: 1}})
	svc := b.client(t, alice)
	for range 3 {
		b.insert(t, `{"names":[{"givenName":"A"}]}`)
	}
	_, token, pages := readAll(t, full(svc).PageSize(1))
	require.Equal(t, 3, pages)
	_, _, _ = readAll(t, since(svc, token).PageSize(1))
	_, err := full(svc).PageSize(1).Do()
	require.Equal(t, 429, apiError(t, err).Code)
}

// together sends two creates of one user so that the second arrives while the first is held, and returns their errors.
func together(t *testing.T, serial bool) (b *bench, first, second error) {
	t.Helper()
	faults := fault.New(1)
	b = start(t, google.Config{Serial: serial, Around: faults.Middleware})
	svc := b.client(t, alice)
	create := func() error {
		_, err := svc.People.CreateContact(&people.Person{Names: []*people.Name{{GivenName: "A"}}}).Do()
		return err
	}
	release := faults.Hold(fault.Rule{Name: "held", Path: "createContact", Times: 1})
	done := make(chan error, 1)
	go func() { done <- create() }()
	require.Eventually(t, func() bool { return faults.Hits()["held"] == 1 }, 5*time.Second, time.Millisecond)
	second = create()
	release()
	return b, <-done, second
}

func TestMutationsAtTheSameTimeAreCounted(t *testing.T) {
	t.Parallel()
	b, first, second := together(t, false)
	require.NoError(t, first)
	require.NoError(t, second)
	require.Equal(t, 2, b.MaxConcurrentMutations(alice))
	b.ResetCalls()
	require.Zero(t, b.MaxConcurrentMutations(alice))
	_, err := b.client(t, alice).People.CreateContact(&people.Person{}).Do()
	require.NoError(t, err)
	require.Equal(t, 1, b.MaxConcurrentMutations(alice))
	require.Zero(t, b.MaxConcurrentMutations("bob@acme.test"))
}

func TestMutationsAtTheSameTimeConflictWhenConfigured(t *testing.T) {
	t.Parallel()
	b, first, second := together(t, true)
	require.NoError(t, first)
	e := apiError(t, second)
	require.Equal(t, 409, e.Code)
	require.Equal(t, "ABORTED", e.Status)
	require.Len(t, b.Living(alice), 1)
}

func TestFaultAfterTheWrite(t *testing.T) {
	t.Parallel()
	faults := fault.New(1)
	b := start(t, google.Config{Around: faults.Middleware})
	svc := b.client(t, alice)
	faults.MustAdd(fault.Rule{Kind: fault.DropAfter, Method: "POST", Path: "createContact", Times: 1})
	_, err := svc.People.CreateContact(&people.Person{Names: []*people.Name{{GivenName: "A"}}}).Do()
	require.Error(t, err)
	require.Len(t, b.Living(alice), 1, "the contact is there, and the client cannot know")
	require.Equal(t, 1, b.Calls()["people.createContact"])
}

func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	s, err := google.New(google.Config{Key: key()})
	require.NoError(t, err)
	for _, path := range []string{"/", "/v1/nothing", "/v2/people/me", "/v1/people/", "/v1/people/a/b"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, http.StatusNotFound, w.Code, path)
		require.Contains(t, w.Header().Get("Content-Type"), "text/html", path)
	}
}
