package whole

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/repsync/repsync/internal/chaos/oracle"
	"github.com/repsync/repsync/internal/devstack/proc"
)

// again is how long a keeper waits before it starts a worker again.
const again = 500 * time.Millisecond

// keeper is to a worker what the restart policy of docker-compose.yml is: it starts one that ends by itself again. A worker
// that finds Temporal or Postgres gone while it starts says so and ends, so that an outage of the story may strike one: it is
// excused. Any other end is not what a worker does. Both are told.
type keeper struct {
	start   func() (*proc.Process, *os.File, error) // with the file that takes its log
	outages *outages
	ended   func(words string, excused bool)
	quit    chan time.Duration // the grace that the worker gets
	gone    chan error
}

// keep starts a worker and keeps it running. Error: it cannot be started at all.
func keep(k keeper) (*keeper, error) {
	k.quit, k.gone = make(chan time.Duration), make(chan error)
	since := k.outages.mark()
	worker, log, err := k.start()
	if err != nil {
		return nil, err
	}
	go func() { k.gone <- k.run(worker, log, since) }()
	return &k, nil
}

// end ends the worker, by SIGKILL where it gets no grace.
func (k *keeper) end(grace time.Duration) error {
	k.quit <- grace
	return <-k.gone
}

func (k *keeper) run(worker *proc.Process, log *os.File, since int64) (err error) {
	for {
		select {
		case grace := <-k.quit:
			err = worker.Stop(grace)
			_ = log.Close()
			return err
		case <-worker.Done():
		}
		k.ended(fmt.Sprintf("it ended: %v", worker.Err()), !works(log) && k.outages.any(since))
		_ = log.Close()
		select {
		case <-k.quit:
			return nil
		case <-time.After(again):
		}
		since = k.outages.mark()
		if worker, log, err = k.start(); err != nil {
			<-k.quit // who asks for the end hears of it
			return err
		}
	}
}

// works reports whether a worker has written to its log that it takes work.
func works(log *os.File) bool {
	text, err := io.ReadAll(io.NewSectionReader(log, 0, 1<<30))
	return err == nil && bytes.Contains(text, []byte("msg=working"))
}

// outages counts the beginnings and ends of outages: it is odd while one lasts.
type outages struct{ n atomic.Int64 }

// during runs what makes a server go and come back.
func (o *outages) during(f func() error) error {
	o.n.Add(1)
	defer o.n.Add(1)
	return f()
}

// mark is what any is asked with later.
func (o *outages) mark() int64 { return o.n.Load() }

// any reports whether there was an outage at a mark or since.
func (o *outages) any(mark int64) bool { return mark%2 == 1 || o.n.Load() != mark }

// falls turns what the keepers were told since the last look into violations.
func (p *player) falls() {
	for len(p.fell) > 0 {
		p.violate(oracle.Violation{Law: "fallen", Want: "a worker that goes on", Got: <-p.fell})
	}
}
