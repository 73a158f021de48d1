package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/repsync/repsync/workflows"
)

const (
	// varDeployment names the worker deployment, and so switches Temporal's Worker Versioning on.
	varDeployment = "REPSYNC_DEPLOYMENT"
	// varBuildID names this build in its deployment; by default it is the commit that the binary was built from.
	varBuildID = "REPSYNC_BUILD_ID"
)

// deploymentFrom says as which version of which worker deployment this worker works. Without a deployment it is
// unversioned: it takes every task, as a development stack and a small team want it. Errors name the variable to set.
func deploymentFrom(getenv func(string) string) (worker.DeploymentOptions, error) {
	name := getenv(varDeployment)
	if name == "" {
		return worker.DeploymentOptions{}, nil
	}
	if strings.ContainsAny(name, ".:") || strings.HasPrefix(name, "__") {
		return worker.DeploymentOptions{}, fmt.Errorf("%s=%s: Temporal takes no name with a dot or a colon, or that begins with two underscores; repsync will do", varDeployment, name)
	}
	id := getenv(varBuildID)
	if id == "" {
		info, _ := debug.ReadBuildInfo()
		var err error
		if id, err = buildID(info); err != nil {
			return worker.DeploymentOptions{}, err
		}
	}
	return worker.DeploymentOptions{
		UseVersioning:             true,
		Version:                   worker.WorkerDeploymentVersion{DeploymentName: name, BuildID: id},
		DefaultVersioningBehavior: workflows.Errands,
	}, nil
}

// revisionLength is how much of a commit's id names a build, as git and Go's pseudo-versions abbreviate it.
const revisionLength = 12

// buildID is the name that a binary has by itself: its commit, or the version under which it was installed. Two different
// builds of one name would each replay what the other wrote, so that a binary from a changed checkout has none.
func buildID(info *debug.BuildInfo) (string, error) {
	if info == nil {
		info = &debug.BuildInfo{}
	}
	var revision string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			return "", fmt.Errorf("this worker was built from a checkout with uncommitted changes, so that no commit names it; set %s to a name of its own", varBuildID)
		}
	}
	if revision != "" {
		return revision[:min(len(revision), revisionLength)], nil
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v, nil
	}
	return "", fmt.Errorf("this worker does not know what it was built from; set %s to the version that it is, a tag or a commit", varBuildID)
}

// buildName is the build's name for metrics; "" where it has none, which only a versioned worker needs.
func buildName(getenv func(string) string) string {
	if id := getenv(varBuildID); id != "" {
		return id
	}
	info, _ := debug.ReadBuildInfo()
	id, _ := buildID(info)
	return id
}

// announce tells the log what part this build has in its deployment. One that is neither current nor ramping gets no work,
// which must not look like a worker that hangs.
func (w *Worker) announce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	v := w.deployment.Version
	log := w.log.With(slog.String("deployment", v.DeploymentName), slog.String("build_id", v.BuildID))
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		if is, known := w.part(ctx); known {
			tell(ctx, log, v, is)
			return
		}
		select {
		case <-look.C: // the server notes a version when its first worker asks for work
		case <-ctx.Done():
			return
		}
	}
}

// The parts that a version can have in its deployment.
const (
	isCurrent  = "current"
	isRamping  = "ramping"
	isInactive = "inactive"
)

// part asks the server which part this build has; false while the server does not know the build.
func (w *Worker) part(ctx context.Context) (is string, known bool) {
	v := w.deployment.Version
	d, err := w.temporal.WorkerDeploymentClient().GetHandle(v.DeploymentName).Describe(ctx, client.WorkerDeploymentDescribeOptions{})
	if err != nil {
		return "", false
	}
	for _, s := range d.Info.VersionSummaries {
		known = known || s.Version == v
	}
	switch routing := d.Info.RoutingConfig; {
	case routing.CurrentVersion != nil && *routing.CurrentVersion == v:
		return isCurrent, known
	case routing.RampingVersion != nil && *routing.RampingVersion == v:
		return isRamping, known
	default:
		return isInactive, known
	}
}

func tell(ctx context.Context, log *slog.Logger, v worker.WorkerDeploymentVersion, is string) {
	if is != isInactive {
		log.InfoContext(ctx, "this build takes work", slog.String("is", is))
		return
	}
	log.WarnContext(ctx, "this build takes no new work until it is made current or ramping: temporal worker deployment set-current-version --deployment-name "+
		v.DeploymentName+" --build-id "+v.BuildID, slog.String("is", is))
}

// described is what the log calls a worker's version.
func described(o worker.DeploymentOptions) []any {
	return []any{slog.String("deployment", cmp.Or(o.Version.DeploymentName, "none")), slog.String("build_id", cmp.Or(o.Version.BuildID, "unversioned"))}
}
