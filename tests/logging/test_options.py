"""What could not be run: filebeat.yml for 8.19 and 9.x, and the lifecycle policy, against the documented options.

The pages are Elastic's references: `filebeat/…` is https://www.elastic.co/docs/reference/beats/filebeat/… (9.x) and, of
the same content, https://www.elastic.co/guide/en/beats/filebeat/8.19/….html.
"""

from __future__ import annotations

import json

import pytest
import yaml

from windsock.logging import mappings
from windsock.settings import Settings

FILESTREAM = "filebeat/filebeat-input-filestream"
OUTPUT = "filebeat/elasticsearch-output"
QUEUE = "filebeat/configuring-internal-queue"
DOCUMENTED = {
    "filebeat.inputs.type": FILESTREAM,
    "filebeat.inputs.id": FILESTREAM,
    "filebeat.inputs.paths": FILESTREAM,
    "filebeat.inputs.fields": "filebeat/configuration-general-options",
    "filebeat.inputs.fields_under_root": "filebeat/configuration-general-options",
    "filebeat.inputs.prospector.scanner.check_interval": FILESTREAM,  # 1s is the least that is recommended
    "filebeat.inputs.prospector.scanner.exclude_files": FILESTREAM,
    "filebeat.inputs.prospector.scanner.fingerprint.enabled": FILESTREAM,  # 9.x: on by default
    "filebeat.inputs.prospector.scanner.symlinks": FILESTREAM,
    "filebeat.inputs.file_identity.path": FILESTREAM,
    "filebeat.inputs.file_identity.native": FILESTREAM,
    "filebeat.inputs.backoff.init": FILESTREAM,
    "filebeat.inputs.backoff.max": FILESTREAM,
    "filebeat.inputs.close.on_state_change.inactive": FILESTREAM,
    "filebeat.inputs.close.on_state_change.removed": FILESTREAM,
    "filebeat.inputs.clean_inactive": FILESTREAM,
    "filebeat.inputs.clean_removed": FILESTREAM,
    "filebeat.inputs.ignore_older": FILESTREAM,
    "filebeat.inputs.message_max_bytes": FILESTREAM,
    "filebeat.inputs.harvester_limit": FILESTREAM,
    "filebeat.inputs.parsers.ndjson.target": FILESTREAM,
    "filebeat.inputs.parsers.ndjson.overwrite_keys": FILESTREAM,
    "filebeat.inputs.parsers.ndjson.add_error_key": FILESTREAM,
    "filebeat.inputs.parsers.ndjson.ignore_decoding_error": FILESTREAM,
    "filebeat.inputs.parsers.container.stream": FILESTREAM,
    "filebeat.inputs.parsers.multiline.type": "filebeat/multiline-examples",
    "filebeat.inputs.parsers.multiline.pattern": "filebeat/multiline-examples",
    "filebeat.inputs.parsers.multiline.negate": "filebeat/multiline-examples",
    "filebeat.inputs.parsers.multiline.match": "filebeat/multiline-examples",
    "filebeat.inputs.parsers.multiline.max_lines": "filebeat/multiline-examples",
    "filebeat.inputs.parsers.multiline.timeout": "filebeat/multiline-examples",
    "filebeat.inputs.include_matches.match": "filebeat/filebeat-input-journald",
    "filebeat.inputs.processors.decode_json_fields.fields": "filebeat/decode-json-fields",
    "filebeat.inputs.processors.decode_json_fields.target": "filebeat/decode-json-fields",
    "filebeat.inputs.processors.decode_json_fields.process_array": "filebeat/decode-json-fields",
    "filebeat.inputs.processors.decode_json_fields.max_depth": "filebeat/decode-json-fields",
    "filebeat.registry.flush": "filebeat/configuration-general-options",
    "processors.script.lang": "filebeat/processor-script",
    "processors.script.params": "filebeat/processor-script",
    "processors.script.source": "filebeat/processor-script",
    "processors.timestamp.field": "filebeat/processor-timestamp",
    "processors.timestamp.layouts": "filebeat/processor-timestamp",
    "processors.timestamp.ignore_missing": "filebeat/processor-timestamp",
    "processors.timestamp.ignore_failure": "filebeat/processor-timestamp",
    "processors.fingerprint.fields": "filebeat/fingerprint",
    "processors.fingerprint.target_field": "filebeat/fingerprint",
    "processors.fingerprint.ignore_missing": "filebeat/fingerprint",
    "processors.add_fields.target": "filebeat/add-fields",
    "processors.add_fields.fields": "filebeat/add-fields",
    "processors.drop_fields.fields": "filebeat/drop-fields",
    "processors.drop_fields.ignore_missing": "filebeat/drop-fields",
    "queue.mem.events": QUEUE,
    "queue.mem.flush.min_events": QUEUE,
    "queue.mem.flush.timeout": QUEUE,
    "setup.template.enabled": "filebeat/configuration-template",
    "setup.template.name": "filebeat/configuration-template",
    "setup.template.pattern": "filebeat/configuration-template",
    "setup.template.type": "filebeat/configuration-template",
    "setup.template.overwrite": "filebeat/configuration-template",
    "setup.template.json.enabled": "filebeat/configuration-template",
    "setup.template.json.name": "filebeat/configuration-template",
    "setup.template.json.path": "filebeat/configuration-template",
    "setup.ilm.enabled": "filebeat/ilm",
    "output.elasticsearch.hosts": OUTPUT,
    "output.elasticsearch.api_key": OUTPUT,
    "output.elasticsearch.username": OUTPUT,
    "output.elasticsearch.password": OUTPUT,
    "output.elasticsearch.ssl.certificate_authorities": "filebeat/configuration-ssl",
    "output.elasticsearch.preset": OUTPUT,  # custom: what is given here counts
    "output.elasticsearch.index": OUTPUT,
    "output.elasticsearch.non_indexable_policy.dead_letter_index.index": OUTPUT,  # beta; deprecated from 9.5 on
    "output.elasticsearch.bulk_max_size": OUTPUT,
    "output.elasticsearch.worker": OUTPUT,
    "output.elasticsearch.compression_level": OUTPUT,
    "output.elasticsearch.backoff.init": OUTPUT,
    "output.elasticsearch.backoff.max": OUTPUT,
    "http.enabled": "filebeat/http-endpoint",
    "http.host": "filebeat/http-endpoint",
    "http.port": "filebeat/http-endpoint",
    "logging.to_stderr": "filebeat/configuration-logging",
}
FREE = ("params", "fields")
EVERYTHING = """
logs:
  format: {form}
  template: /template.json
  elasticsearch: {{api_key: "${{K}}", username: u, password: "${{P}}", ca_file: /ca.pem}}
  components: {{files: {{a: /a}}, containers: {{b: /b}}, journald: {{c: c.service}}}}
"""


def keys(value, before=""):
    if isinstance(value, dict) and value and before.rpartition(".")[2] not in FREE:
        for name, item in value.items():
            yield from keys(item, f"{before}.{name}" if before else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for item in value:
            yield from keys(item, before)
    else:
        yield before


@pytest.mark.parametrize("version", ["8.19", "9.x"])
@pytest.mark.parametrize("form", ["json", "text"])
def test_every_option_is_documented(version, form, tmp_path, windsock):
    (tmp_path / "windsock.yaml").write_text(EVERYTHING.format(form=form))
    assert windsock("build", "--filebeat-version", version, "--out", "out", cwd=tmp_path).returncode == 0
    configuration = yaml.safe_load((tmp_path / "out" / "filebeat.yml").read_text())
    assert set(keys(configuration)) - set(DOCUMENTED) == set()
    for one in configuration["filebeat.inputs"]:
        if one["type"] == "filestream":
            # As that page demands it.
            assert one["close.on_state_change.removed"] is one["clean_removed"] is False
            assert int(one["clean_inactive"][:-1]) > int(one["ignore_older"][:-1]) + 1
            assert ("prospector.scanner.fingerprint.enabled" in one) == (version == "9.x")
    assert configuration["output.elasticsearch"]["preset"] == "custom"


def test_files_are_read_for_as_long_as_filebeat_may_be_down(tmp_path, windsock):
    (tmp_path / "windsock.yaml").write_text("logs: {catch_up: 90m}\n")
    assert windsock("build", "--filebeat-version", "9.x", "--out", "out", cwd=tmp_path).returncode == 0
    (tasks, *_) = yaml.safe_load((tmp_path / "out" / "filebeat.yml").read_text())["filebeat.inputs"]
    assert (tasks["ignore_older"], tasks["clean_inactive"]) == ("2h", "26h")


def test_the_options_of_7_17_are_those_without_what_came_later(tmp_path, windsock):
    assert windsock("build", "--filebeat-version", "7.17", "--out", "out", cwd=tmp_path).returncode == 0
    text = (tmp_path / "out" / "filebeat.yml").read_text()
    assert "preset:" not in text
    assert "fingerprint.enabled" not in text


# https://www.elastic.co/docs/reference/elasticsearch/index-lifecycle-actions: what each phase may do.
ACTIONS = {"hot": {"set_priority"}, "warm": {"set_priority", "forcemerge"}, "delete": {"delete"}}


@pytest.mark.parametrize("retention", ["1d", "30d", "90d"])
def test_the_lifecycle_policy_is_of_the_documented_form(retention, tmp_path, windsock):
    (tmp_path / "windsock.yaml").write_text(f"logs: {{retention: {retention}}}\n")
    assert windsock("build", "--out", "out", cwd=tmp_path).returncode == 0
    body = json.loads((tmp_path / "out" / "elasticsearch" / "ilm.policy.airflow-logs.json").read_text())
    assert set(body) == {"policy"}
    phases = body["policy"]["phases"]
    hours = [int(phase["min_age"].removesuffix("ms").removesuffix("h")) for phase in phases.values()]
    assert list(phases) == [name for name in ACTIONS if name in phases]
    assert hours == sorted(hours)
    assert all(set(phases[name]["actions"]) == ACTIONS[name] for name in phases)
    # A rollover would make a line that is sent again another document.
    assert "rollover" not in json.dumps(body)


@pytest.mark.parametrize(("catch_up", "warm_after", "hours"), [("3d", "2d", 96), ("3d", "5d", 120), ("12h", "2d", 48)])
def test_no_index_is_merged_while_lines_of_its_day_may_come(catch_up, warm_after, hours):
    logs = {"catch_up": catch_up, "warm_after": warm_after, "cold_after": "1d"}
    phases = mappings.lifecycle(Settings(logs=logs))["policy"]["phases"]
    assert [phases[name]["min_age"] for name in ("warm", "cold")] == [f"{hours}h"] * 2
