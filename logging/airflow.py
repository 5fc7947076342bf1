"""The settings with which Airflow reads its logs back, as an environment file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from windsock.settings import Settings

_READER = {
    "3": """\
# With windsock installed in Airflow's environment: all lines, in the order of the file, each once, also while the task
# runs; what is still on its way comes from the file. Workers, triggerer, API server: all of them get these settings.
AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS=windsock.logging.airflow3.LOGGING_CONFIG
""",
    "2.11": """\
# With windsock installed in Airflow's environment: all lines, in the order of the file, each once, also while the task
# runs; what is still on its way comes from the file.
AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS=windsock.logging.airflow2.LOGGING_CONFIG
""",
}
_PROVIDER = """\
# Without windsock there, Airflow's own provider (apache-airflow-providers-elasticsearch) can read the same lines. It
# shows them twice while a task runs, and nothing of a finished one whose lines are still on their way:
#   AIRFLOW__LOGGING__REMOTE_LOGGING=True
#   AIRFLOW__ELASTICSEARCH__HOST={host}
#   AIRFLOW__ELASTICSEARCH__OFFSET_FIELD=offset
#   AIRFLOW__ELASTICSEARCH__HOST_FIELD=host.name
#   AIRFLOW__ELASTICSEARCH__TARGET_INDEX={index}-2*
#   AIRFLOW__ELASTICSEARCH__WRITE_STDOUT=False
#   AIRFLOW__ELASTICSEARCH__JSON_FORMAT={json}
#   # The provider's client 9 on Elasticsearch 8:
#   AIRFLOW__ELASTICSEARCH_CONFIGS__ES_COMPAT_WITH=8
"""


def environment(settings: Settings, version: str) -> str:
    """The text for Airflow `version`, 3 or 2.11."""
    logs = settings.logs
    lines = [
        f"# Airflow {version}: what its processes are started with.",
        _READER[version].rstrip(),
        f"WINDSOCK__CLUSTER={settings.cluster}",
        f"WINDSOCK__LOGS__ELASTICSEARCH__URLS={_json(logs.elasticsearch.urls)}",
        f"WINDSOCK__LOGS__INDEX={logs.index}",
        # In 2.11 it also says how the files are written.
        f"WINDSOCK__LOGS__FORMAT={logs.format}",
    ]
    server = logs.elasticsearch
    given = {key: getattr(server, key) for key in ("api_key", "username", "password", "ca_file")}
    lines += [f"WINDSOCK__LOGS__ELASTICSEARCH__{key.upper()}={value}" for key, value in given.items() if value]
    if logs.airflow_logging:
        lines.append(f"WINDSOCK__LOGS__AIRFLOW_LOGGING={logs.airflow_logging}")
    if logs.kibana:
        lines.append(f"WINDSOCK__LOGS__KIBANA={logs.kibana}")
    lines.append("")
    lines.append(
        _PROVIDER.format(
            host=logs.elasticsearch.urls[0] if logs.elasticsearch.urls else "",
            index=logs.index,
            json=logs.format == "json" if version == "2.11" else "True",
        ).rstrip()
    )
    if version == "3":
        lines += [
            "",
            "# Scheduler, API server, triggerer and dag processor print their lines; as JSON from 3.2 on:",
            "#   AIRFLOW__LOGGING__JSON_LOGS=True",
        ]
    return "\n".join(lines) + "\n"


def _json(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"
