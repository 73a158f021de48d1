package workflows

import (
	"fmt"
	"regexp"
	"slices"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// inbox holds the signal channels, in a fixed order.
type inbox struct{ channels []workflow.ReceiveChannel }

var signalNames = []string{SignalPolicy, SignalNudge, SignalSyncNow, SignalPause, SignalResume, SignalRelease}

func newInbox(ctx workflow.Context) inbox {
	var in inbox
	for _, name := range signalNames {
		in.channels = append(in.channels, workflow.GetSignalChannel(ctx, name))
	}
	return in
}

// pending reports whether a signal waits to be received; it never blocks.
func (in inbox) pending() bool {
	for _, ch := range in.channels {
		if ch.Len() > 0 {
			return true
		}
	}
	return false
}

// receive takes in every signal that has arrived. A payload that does not decode is remarked on in the status, and
// otherwise ignored; so is a signal of a name that RepSync does not know.
func (s *repSync) receive(ctx workflow.Context) {
	for _, ch := range s.inbox.channels {
		for {
			var payload converter.RawValue
			if !ch.ReceiveAsync(&payload) {
				break
			}
			s.take(ch.Name(), payload)
		}
	}
	for _, name := range workflow.GetUnhandledSignalNames(ctx) {
		s.remark(fmt.Sprintf("signal %.60q is not known; known are %v", name, signalNames))
	}
}

// take applies one signal. The wish of a signal is kept even where its payload is of no use: a policy signal only says
// that a revision was stored, and the pass reads it from the store.
func (s *repSync) take(name string, payload converter.RawValue) {
	switch name {
	case SignalPolicy:
		var p PolicySignal
		s.decode(name, payload, &p, `{"revision": 7}`)
		s.c.Want.Sync = true
	case SignalNudge:
		s.c.Want.Sync = true
	case SignalSyncNow:
		s.c.Want.Sync, s.c.Want.Fresh = true, true
	case SignalPause:
		s.c.Paused = true
	case SignalResume:
		s.c.Paused = false
		s.c.Want.Sync = true
	case SignalRelease:
		var r ReleaseSignal
		switch ok := s.decode(name, payload, &r, `{"digest": "…"}`); {
		case !ok || r.Digest == "":
		case !digest.MatchString(r.Digest): // it would go on into the history, whatever it is
			s.remark(fmt.Sprintf("signal %q: that is no plan's digest; `starter status` shows the one that is held", name))
		default:
			s.c.Want.Release = r.Digest
		}
	}
}

// decode reads a signal's payload. The payload itself is never quoted: it may be anything.
func (s *repSync) decode(name string, payload converter.RawValue, into any, want string) bool {
	if payload.Payload() == nil {
		s.remark(fmt.Sprintf("signal %q came without its payload; send %s", name, want))
		return false
	}
	if err := converter.GetDefaultDataConverter().FromPayload(payload.Payload(), into); err != nil {
		s.remark(fmt.Sprintf("signal %q: the payload did not decode; send %s", name, want))
		return false
	}
	return true
}

// digest is the form of a plan's digest.
var digest = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// remark keeps the latest few things that an operator should know of.
func (s *repSync) remark(text string) {
	if slices.Contains(s.c.Remarks, text) {
		return
	}
	s.c.Remarks = append(s.c.Remarks, text)
	if n := len(s.c.Remarks); n > 5 {
		s.c.Remarks = s.c.Remarks[n-5:]
	}
}

// handleUpdates registers the updates. Their validators refuse what cannot be done, so that the caller hears at once.
func (s *repSync) handleUpdates(ctx workflow.Context) error {
	refusePaused := func() error {
		if s.c.Paused {
			return temporal.NewApplicationError("the rep is paused; resume it first", "paused")
		}
		return nil
	}
	err := workflow.SetUpdateHandlerWithOptions(ctx, UpdateSync, func(ctx workflow.Context) (Status, error) {
		return s.passFor(ctx, Want{Sync: true, Fresh: true})
	}, workflow.UpdateHandlerOptions{Validator: refusePaused, Description: "run a pass now and return the status after it"})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateRelease, func(ctx workflow.Context, r ReleaseSignal) (Status, error) {
		return s.passFor(ctx, Want{Sync: true, Release: r.Digest})
	}, workflow.UpdateHandlerOptions{
		Description: "let the held pass with this plan digest go on",
		Validator: func(r ReleaseSignal) error {
			if s.c.Held == nil {
				return temporal.NewApplicationError("nothing is held", "not_held")
			}
			if s.c.Held.Digest != r.Digest {
				return temporal.NewApplicationError("another plan is held now: "+s.c.Held.Digest+"; look at it before releasing it", "other_plan")
			}
			return refusePaused()
		},
	})
}

// passFor asks for a pass and waits until one that began after the wish has ended.
func (s *repSync) passFor(ctx workflow.Context, want Want) (Status, error) {
	s.c.Want.Sync = true
	s.c.Want.Fresh = s.c.Want.Fresh || want.Fresh
	if want.Release != "" {
		s.c.Want.Release = want.Release
	}
	before := s.ended
	if s.passing {
		before++ // the pass under way began before the wish
	}
	if err := workflow.Await(ctx, func() bool { return s.ended > before || s.c.Paused }); err != nil {
		return s.snapshot(), err
	}
	return s.snapshot(), nil
}
