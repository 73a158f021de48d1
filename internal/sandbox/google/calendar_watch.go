package google

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Push notifications (https://developers.google.com/workspace/calendar/api/guides/push). A channel watches the events of
// one calendar: a message of state sync says that it is open, and one of state exists that something changed. Messages
// have no body; what changed is read with a sync token. The changes of one request come as one message.

// Channel is a push channel that a client has opened.
type Channel struct {
	ID         string
	ResourceID string
	Address    string
	Token      string
	Calendar   string
	User       string
	Expires    time.Time
}

// channel is a Channel and what waits to be sent on it. Guarded by Server.mu.
type channel struct {
	Channel

	number  int           // of the last message sent
	pending []string      // states of messages to send
	sending bool          // somebody is at it
	stopped chan struct{} // closed when the client stops the channel
}

const (
	channelLife    = 7 * 24 * time.Hour  // when the client asks for none
	maxChannelLife = 30 * 24 * time.Hour //
	pushTimeout    = 10 * time.Second    // for one message
	pushTries      = 4
	pushPause      = 250 * time.Millisecond // before a message is sent again; doubles
)

var channelID = regexp.MustCompile(`^[A-Za-z0-9\-_+/=]{1,64}$`)

// loopback tells whether an address is on this machine.
func loopback(address *url.URL) bool {
	ip, err := netip.ParseAddr(address.Hostname())
	return address.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// watchEvents serves events.watch.
func (s *Server) watchEvents(c *call) (any, *apiError) {
	cal, _, err := s.calendarOf(c.user, c.ids[0])
	if err != nil {
		return nil, err
	}
	var in struct {
		ID, Type, Address, Token string
		Expiration               json.Number
		Params                   struct{ TTL string }
	}
	if json.Unmarshal(c.body, &in) != nil {
		return nil, calError(http.StatusBadRequest, "global", "parseError", "Parse Error", "")
	}
	life := channelLife
	if n, err := strconv.Atoi(in.Params.TTL); err == nil && n > 0 {
		life = min(time.Duration(n)*time.Second, maxChannelLife)
	}
	expires := c.now.Add(life)
	if ms, err := in.Expiration.Int64(); err == nil && ms > 0 && time.UnixMilli(ms).Before(c.now.Add(maxChannelLife)) {
		expires = time.UnixMilli(ms)
	}
	address, bad := url.Parse(in.Address)
	switch {
	case !channelID.MatchString(in.ID):
		return nil, calInvalid("Channel id must be 1 to 64 characters of [A-Za-z0-9-_+/=].")
	case in.Type != "web_hook" && in.Type != "webhook":
		return nil, calError(http.StatusBadRequest, "global", "channelUnknown", "Unknown channel type.", "")
	// Google takes https only. The sandbox takes http for addresses of this machine too: nobody has a certificate for them.
	case bad != nil || address.Scheme != "https" && (address.Scheme != "http" || !loopback(address)):
		return nil, calError(http.StatusBadRequest, "global", "push.webhookUrlNotHttps", "WebHook callback must be HTTPS: "+in.Address, "")
	case s.channels[in.ID] != nil:
		return nil, calError(http.StatusBadRequest, "global", "channelIdNotUnique", "Channel id not unique", "")
	}
	ch := &channel{Channel: Channel{ID: in.ID, ResourceID: eid(cal.id, c.user.email), Address: in.Address, Token: in.Token, Calendar: cal.id,
		User: c.user.email, Expires: expires}, stopped: make(chan struct{})}
	s.channels[in.ID] = ch
	s.push(ch, "sync")
	out := doc{"kind": "api#channel", "id": ch.ID, "resourceId": ch.ResourceID, "resourceUri": ch.uri(), "expiration": fmt.Sprint(expires.UnixMilli())}
	if ch.Token != "" {
		out["token"] = ch.Token
	}
	return out, nil
}

// uri is what a channel watches, in the version of the API that it was opened with.
func (ch *channel) uri() string {
	return "https://www.googleapis.com/calendar/v3/calendars/" + ch.Calendar + "/events?alt=json"
}

// stopChannel serves channels.stop.
func (s *Server) stopChannel(c *call) (any, *apiError) {
	var in struct {
		ID         string `json:"id"`
		ResourceID string `json:"resourceId"`
	}
	if json.Unmarshal(c.body, &in) != nil {
		return nil, calError(http.StatusBadRequest, "global", "parseError", "Parse Error", "")
	}
	ch := s.channels[in.ID]
	if ch == nil || ch.ResourceID != in.ResourceID || ch.User != c.user.email {
		return nil, calError(http.StatusNotFound, "global", "notFound", "Channel '"+in.ID+"' not found for project '"+projectID+"'", "")
	}
	delete(s.channels, in.ID)
	close(ch.stopped)
	return reply{status: http.StatusNoContent}, nil
}

// Channels returns the open push channels, sorted by id.
func (s *Server) Channels() []Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Channel
	for _, id := range slices.Sorted(maps.Keys(s.channels)) {
		if ch := s.channels[id]; ch.Expires.After(s.cfg.Clock()) {
			out = append(out, ch.Channel)
		}
	}
	return out
}

// announce tells the channels that watch a calendar that it changed. Called with Server.mu held.
func (s *Server) announce(cal *calendar) {
	for _, ch := range s.channels {
		if ch.Calendar == cal.id && ch.Expires.After(s.cfg.Clock()) {
			s.push(ch, "exists")
		}
	}
}

// push queues a message, unless the same one waits already, and has the queue sent. The lock is held until the request that
// changes the calendar is done, and so its changes make one message. Nothing is sent to other machines: a sandbox does not
// speak to strangers. Called with Server.mu held.
func (s *Server) push(ch *channel, state string) {
	address, err := url.Parse(ch.Address)
	if err != nil || !loopback(address) || slices.Contains(ch.pending, state) {
		return
	}
	ch.pending = append(ch.pending, state)
	if !ch.sending {
		ch.sending = true
		go s.deliver(ch)
	}
}

// deliver sends what waits on a channel, one message after another, until nothing does or the channel is stopped.
func (s *Server) deliver(ch *channel) {
	client := &http.Client{Timeout: pushTimeout}
	for {
		h := s.nextPush(ch)
		if h == nil {
			return
		}
		// "If your service returns 500, 502, 503 or 504, the Calendar API retries with exponential backoff. Every other return
		// status code is considered a message failure."
		for try := range pushTries {
			if !again(client, ch.Address, h) {
				break
			}
			select {
			case <-ch.stopped:
				return
			case <-time.After(pushPause << try):
			}
		}
	}
}

// nextPush takes the next message of a channel, as headers; nil when there is none, and then nobody is sending any more.
func (s *Server) nextPush(ch *channel) http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(ch.pending) == 0 || s.channels[ch.ID] != ch {
		ch.sending = false
		return nil
	}
	state := ch.pending[0]
	ch.pending = ch.pending[1:]
	// "This value is always 1 for sync messages. Message numbers increase for each subsequent message on the channel, but
	// they aren't sequential."
	next := 1
	if cal := s.calendars[ch.Calendar]; state != "sync" && cal != nil {
		next = max(ch.number+1, 1+7*len(cal.feed))
	}
	ch.number = next
	h := http.Header{}
	h.Set("Content-Type", "application/json; utf-8")
	h.Set("User-Agent", "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)")
	h.Set("X-Goog-Channel-Id", ch.ID)
	h.Set("X-Goog-Channel-Expiration", ch.Expires.UTC().Format(http.TimeFormat))
	h.Set("X-Goog-Resource-Id", ch.ResourceID)
	h.Set("X-Goog-Resource-Uri", ch.uri())
	h.Set("X-Goog-Resource-State", state)
	h.Set("X-Goog-Message-Number", strconv.Itoa(next))
	if ch.Token != "" {
		h.Set("X-Goog-Channel-Token", ch.Token)
	}
	return h
}

// again sends one message and tells whether it should be sent again.
func again(client *http.Client, address string, h http.Header) bool {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address, http.NoBody)
	if err != nil {
		return false
	}
	r.Header = h.Clone()
	resp, err := client.Do(r)
	if err != nil {
		return true
	}
	_ = resp.Body.Close()
	return slices.Contains([]int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, resp.StatusCode)
}
