package activities

import (
	"crypto/sha256"
	"sync"

	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
)

// mostParsed is how many documents and filters a worker remembers; an org has a few.
const mostParsed = 1000

// parsed remembers policies and filters that were read before: every stage of every pass starts from the policy, and an
// idle pass does little else. They are known by what they say, not by org and revision, which a Postgres that was restored
// from a backup gives to other documents. What is remembered is never changed.
type parsed struct {
	mu       sync.Mutex
	policies map[[sha256.Size]byte]parsedPolicy
	filters  map[kindFilter]*policy.Filter
}

type parsedPolicy struct {
	policy   policy.Policy
	problems policy.Problems
}

type kindFilter struct {
	kind record.Kind
	src  string
}

// policy is policy.Parse.
func (p *parsed) policy(document []byte) (policy.Policy, policy.Problems) {
	key := sha256.Sum256(document)
	p.mu.Lock()
	one, ok := p.policies[key]
	p.mu.Unlock()
	if ok {
		return one.policy, one.problems
	}
	one.policy, one.problems = policy.Parse(document)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.policies == nil || len(p.policies) >= mostParsed {
		p.policies = map[[sha256.Size]byte]parsedPolicy{}
	}
	p.policies[key] = one
	return one.policy, one.problems
}

// filter is policy.CompileFilterFor. One that does not compile is not remembered.
func (p *parsed) filter(k record.Kind, src string) (*policy.Filter, error) {
	key := kindFilter{k, src}
	p.mu.Lock()
	f := p.filters[key]
	p.mu.Unlock()
	if f != nil {
		return f, nil
	}
	f, err := policy.CompileFilterFor(k, src)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.filters == nil || len(p.filters) >= mostParsed {
		p.filters = map[kindFilter]*policy.Filter{}
	}
	p.filters[key] = f
	return f, nil
}
