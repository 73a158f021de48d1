package workflows

import "go.temporal.io/sdk/workflow"

// registry is what can run workflows: a worker, a replayer, a test environment.
type registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// Register makes the workflows known, with what Temporal's Worker Versioning is to do with them: the endless ones go to the
// current build at their next task, also in the middle of a run. What they do in which order may therefore change behind
// workflow.GetVersion only; the replay tests hold that. Why not pinned: docs/decisions/0006-worker-versioning.md.
//
// A worker without versioning does not heed it.
func Register(r registry) {
	endless := workflow.RegisterOptions{VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade}
	r.RegisterWorkflowWithOptions(RepSync, endless)
	r.RegisterWorkflowWithOptions(OrgFeed, endless)
	r.RegisterWorkflowWithOptions(Undo, workflow.RegisterOptions{VersioningBehavior: Errands})
}

// Errands is what Worker Versioning is to do with every other workflow: one that ends by itself stays with the build that
// started it.
const Errands = workflow.VersioningBehaviorPinned
