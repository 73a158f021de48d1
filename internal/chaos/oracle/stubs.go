package oracle

import (
	"context"
	"github.com/repsync/repsync/internal/chaos/scenario"
)

type meeting struct{ wild string }
type occasion struct{}

func (*occasion) String() string                                         { return "" }
func (g *org) meetingsApply(scenario.Policy)                             {}
func (g *org) meetingsRecover(bool)                                      {}
func (o *Oracle) meetingDeed(*org, int, scenario.Entry)                  {}
func (o *Oracle) judgeEvents(*org, *seen) []Violation                    { return nil }
func (o *Oracle) judgeBooks(Snapshot, scenario.Books) []Violation        { return nil }
func lookAtEvents(context.Context, Site, map[string]string, *seen) error { return nil }
func eventRow(r row, _ map[string]string) row                            { return r }
