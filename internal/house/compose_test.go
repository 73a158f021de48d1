package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// composed is what these tests read of docker-compose.yml.
type composed struct {
	Services map[string]struct {
		Image       string
		Profiles    []string
		Environment map[string]string
		Volumes     []string
		Ports       []string
		DependsOn   any `yaml:"depends_on"`
		Deploy      struct{ Replicas int }
		Grace       string `yaml:"stop_grace_period"`
	}
	Volumes map[string]any
}

func composeFile(t *testing.T) composed {
	t.Helper()
	var c composed
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "docker-compose.yml")), &c))
	return c
}

func TestComposeHoldsTogether(t *testing.T) {
	t.Parallel()
	c := composeFile(t)
	require.Equal(t, 2, c.Services["worker"].Deploy.Replicas, "either worker may die")
	require.NotEmpty(t, c.Services["worker"].Grace, "the batch in flight is settled first")
	yours := []string{"./repsync.yaml", "./credentials"} // an admin writes them
	for name, s := range c.Services {
		var needs []string
		switch on := s.DependsOn.(type) {
		case map[string]any:
			for other := range on {
				needs = append(needs, other)
			}
		case []any:
			for _, other := range on {
				needs = append(needs, other.(string))
			}
		}
		for _, other := range needs {
			require.Contains(t, c.Services, other, "%s needs it", name)
			if len(s.Profiles) == 0 {
				require.Empty(t, c.Services[other].Profiles, "%s is started without %s", name, other)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			switch {
			case strings.HasPrefix(from, "${"):
			case !strings.HasPrefix(from, "./"):
				require.Contains(t, c.Volumes, from, "%s mounts it", name)
			default:
				if _, err := os.Stat(filepath.Join(root, from)); err != nil {
					require.Contains(t, yours, from, "%s mounts what is not there", name)
				}
			}
		}
	}
	for _, variable := range regexp.MustCompile(`\$\{([A-Z_]+):\?`).FindAllStringSubmatch(read(t, "docker-compose.yml"), -1) {
		require.Regexp(t, `(?m)^`+variable[1]+`=`, read(t, "deploy/env.example"), "an admin is told of what has to be set")
	}
}

// TestMonitoringIsConnected follows a number from the workers to the dashboard.
func TestMonitoringIsConnected(t *testing.T) {
	t.Parallel()
	c := composeFile(t)
	var prometheus struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName      string `yaml:"job_name"`
			DNSSDConfigs []struct {
				Names []string
				Port  int
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy/prometheus/prometheus.yml")), &prometheus))
	scrape := prometheus.ScrapeConfigs[0]
	require.Equal(t, "repsync", scrape.JobName, "the dashboard and the alerts ask for that job")
	for _, name := range scrape.DNSSDConfigs[0].Names {
		require.Contains(t, c.Services, name)
	}
	require.Contains(t, read(t, "deploy/Dockerfile"), "EXPOSE "+strconv.Itoa(scrape.DNSSDConfigs[0].Port))
	for _, rules := range prometheus.RuleFiles {
		require.NotEmpty(t, read(t, "deploy/prometheus/"+rules))
	}
	var source struct{ Datasources []struct{ URL string } }
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy/grafana/provisioning/datasources/prometheus.yml")), &source))
	require.Equal(t, "http://prometheus:9090", source.Datasources[0].URL)
	var provider struct {
		Providers []struct{ Options struct{ Path string } }
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy/grafana/provisioning/dashboards/repsync.yml")), &provider))
	require.Contains(t, strings.Join(c.Services["grafana"].Volumes, " "), "./deploy/grafana/repsync.json:"+provider.Providers[0].Options.Path+"/")
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "deploy"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".yml") {
			text, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			var parsed map[string]any
			require.NoError(t, yaml.Unmarshal(text, &parsed), path)
		}
		return err
	}))
}
