package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func TestDeploymentFrom(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		env  map[string]string
		want worker.WorkerDeploymentVersion
		says string // of the error
	}{
		"nothing is set":            {},
		"a build id alone":          {env: map[string]string{varBuildID: "v1.4.0"}},
		"both":                      {env: map[string]string{varDeployment: "repsync", varBuildID: "v1.4.0"}, want: worker.WorkerDeploymentVersion{DeploymentName: "repsync", BuildID: "v1.4.0"}},
		"a dot in the name":         {env: map[string]string{varDeployment: "repsync.eu", varBuildID: "v1.4.0"}, says: varDeployment},
		"a colon in the name":       {env: map[string]string{varDeployment: "repsync:eu", varBuildID: "v1.4.0"}, says: varDeployment},
		"a name that is Temporal's": {env: map[string]string{varDeployment: "__repsync", varBuildID: "v1.4.0"}, says: varDeployment},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := deploymentFrom(func(key string) string { return tt.env[key] })
			if tt.says != "" {
				require.ErrorContains(t, err, tt.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got.Version)
			require.Equal(t, tt.want != worker.WorkerDeploymentVersion{}, got.UseVersioning)
			if got.UseVersioning {
				require.Equal(t, workflow.VersioningBehaviorPinned, got.DefaultVersioningBehavior, "a workflow that says nothing ends by itself")
			}
		})
	}
}

func TestBuildID(t *testing.T) {
	t.Parallel()
	const commit = "0123456789abcdef0123456789abcdef01234567"
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: commit}, {Key: "vcs.modified", Value: modified}}
	}
	for name, tt := range map[string]struct {
		info *debug.BuildInfo
		want string
		says string // of the error
	}{
		"a clean checkout":        {info: &debug.BuildInfo{Main: debug.Module{Version: "v0.0.0-20260101000000-0123456789ab"}, Settings: vcs("false")}, want: "0123456789ab"},
		"a changed checkout":      {info: &debug.BuildInfo{Settings: vcs("true")}, says: "uncommitted"},
		"go install of a version": {info: &debug.BuildInfo{Main: debug.Module{Version: "v1.4.0"}}, want: "v1.4.0"},
		"built without git":       {info: &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, says: varBuildID},
		"no module":               {info: nil, says: varBuildID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := buildID(tt.info)
			if tt.says != "" {
				require.ErrorContains(t, err, tt.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}
