// Package budget keeps all workers together within what vendors allow: an org's calls of a day to its CRM, and calls a minute
// to a mailbox's APIs, per mailbox and per project.
//
// A connector asks its meter (connector.Meter) before each request. The counts are in Postgres (store.TakeCalls,
// store.TakeRate), and a worker takes from them in blocks. Beside its blocks a worker has a small allowance of its own for
// each quota of calls a minute, within which it asks nobody, so that an idle pass, which makes a call or two, costs no write.
// The shared count hands out nine tenths of a quota at most, since several workers may each have an allowance.
//
// A call that is due within some seconds waits; one that is due later is refused with connector.BudgetSpent and the time at
// which to try again, so that no worker's place is held by waiting. Of a day's calls a part is kept for what people wait
// for (connector.Awaited).
package budget
