// Command filebeat is Elastic's Filebeat with one input, filestream: all that Airflow's files need.
package main

import (
	"os"

	"github.com/elastic/beats/v7/filebeat/beater"
	"github.com/elastic/beats/v7/filebeat/cmd"
	"github.com/elastic/beats/v7/filebeat/input/filestream"
	input "github.com/elastic/beats/v7/filebeat/input/v2"
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/logp"
)

func main() {
	only := func(_ beat.Info, log *logp.Logger, store beater.StateStore) []input.Plugin {
		return []input.Plugin{filestream.Plugin(log, store)}
	}
	if cmd.Filebeat(only, cmd.FilebeatSettings()).Execute() != nil {
		os.Exit(1)
	}
}
