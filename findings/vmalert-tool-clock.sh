#!/usr/bin/env bash
# The unit tests of vmalert-tool begin at 2000-01-01, those of promtool at 1970-01-01: a rule with `time()`, and a series
# whose values are timestamps, pass under one of them and fail under the other, with the same test file otherwise.
#
# Neither is the machine's clock, so such rules can be tested by both: the timestamps of the input series have to be
# 946,684,800 seconds later for vmalert-tool.
# Seen with vmalert-tool 1.150.0: `time()` five minutes into a test
#   promtool     300
#   vmalert-tool 946685100
# Fails if that changes. Needs promtool on the PATH (seen with 2.42.0) and Go 1.26 or newer; builds for some minutes.
set -euo pipefail
version=v1.150.0
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
module=$(go mod download -json "github.com/VictoriaMetrics/VictoriaMetrics@$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
cp -r "$module" source
chmod -R u+w source
(cd source && GOWORK=off CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -o "$folder/vmalert-tool" ./app/vmalert-tool)

cat >rules.yml <<'RULES'
groups: [{name: clock, rules: [{record: clock, expr: vector(time())}]}]
RULES
for tool in promql metricsql; do
  cat >"$tool.yml" <<TEST
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: [{series: up, values: "1x10"}]
    ${tool}_expr_test:
      - {expr: clock, eval_time: 5m, exp_samples: [{labels: clock, value: WANTED}]}
TEST
done
sed -i 's/WANTED/300/' promql.yml
sed 's/WANTED/946685100/' metricsql.yml >wanted.yml
sed 's/WANTED/300/' metricsql.yml >other.yml

promtool test rules promql.yml >/dev/null || { echo "promtool's tests do not begin at 0 any more" >&2; exit 1; }
./vmalert-tool unittest --files wanted.yml >/dev/null 2>&1 || { echo "vmalert-tool's clock has changed" >&2; exit 1; }
if ./vmalert-tool unittest --files other.yml >/dev/null 2>&1; then
  echo "vmalert-tool's tests pass with any value: this shows nothing" >&2
  exit 1
fi
echo "promtool 300, vmalert-tool ${version#v} 946685100: five minutes after the beginning of a test"
