"""`pytest --quick`: the tests that need no Airflow, no Elasticsearch, no database server and no minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

TESTS = Path(__file__).parents[1]
LEFT_OUT = {
    "a real Airflow": (
        "callbacks/airflow",
        "callbacks/test_channels.py::test_credentials_of_airflow_connections",
        "callbacks/test_metrics.py",
        "core/test_secrets_backends.py",
        "core/test_catalog.py::test_the_registry_of_the_installed_airflow_is_the_one_that_is_kept",
        "e2e",
        "examples/test_dags.py",
        "exporter/otlp/test_airflow.py",
        "exporter/plugin",
        "exporter/test_airflow.py",
    ),
    "a browser": (
        "dashboards/preview/test_failures.py",
        "dashboards/preview/test_page.py",
        "dashboards/preview/test_screenshot.py",
    ),
    "database servers": ("exporter/database", "exporter/operation", "exporter/reconciler"),
    "Elasticsearch and Filebeat": ("logging",),
    "many processes, hostile servers, memory, much random input": (
        "attack",
        "callbacks/test_counting.py",
        "callbacks/test_deadline.py::test_slas_of_several_runs_share_the_budget",
        "callbacks/test_endpoints.py",
        "callbacks/test_fuzz.py",
        "callbacks/test_hostile.py",
        "callbacks/test_notify.py",
        "callbacks/test_recovery.py",
        "callbacks/test_redaction.py",
        "callbacks/test_replay.py",
        "callbacks/test_storm_outages.py",
        "callbacks/test_storms.py",
        "core/test_cli.py",
        "demo/inbox/test_command.py",
        "demo/inbox/test_fuzz.py",
        "demo/stack",
        "exporter/compat/test_captured.py",
        "exporter/compat/test_modes.py",
        "exporter/compat/test_random.py",
        "exporter/compat/test_sound.py",
        "exporter/compat/test_summary.py",
        "exporter/test_bounds.py",
        "exporter/test_command.py",
        "exporter/test_fuzz.py",
        "exporter/test_prometheus.py",
        "packaging/test_packages.py",
    ),
    "the newest Prometheus and Alertmanager, which `make current` builds": (
        "alerts/test_slack_updates.py",
        "alerts/test_storms.py",
        "alerts/test_versions.py",
        "dashboards/test_engines.py",
    ),
    "promtool's unit tests of all rules, and time that passes in Prometheus and Alertmanager": (
        "alerts/test_commands.py",
        "alerts/test_groups.py",
        "alerts/test_messages.py",
        "alerts/test_monitors.py",
        "alerts/test_objectives.py",
        "alerts/test_prometheus.py",
        "alerts/test_routes.py",
        "alerts/test_rules.py::test_a_wrong_rule_fails_its_unit_tests",
        "dashboards/test_prometheus.py",
        "deploy/test_web.py",
        "doctor/test_faults.py",
        "doctor/test_trial.py",
        "exporter/test_custom_rules.py",
    ),
}
"""By reason: folders, files, and tests (with what stands after `::`) that are not run."""


def places(config: pytest.Config) -> Iterator[str]:
    """What is left out, by its path below tests/; nothing without the option."""
    if config.getoption("--quick"):
        for found in LEFT_OUT.values():
            yield from found


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out what needs an Airflow, a database or minutes")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return collection_path in [TESTS / place for place in places(config)] or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    names = tuple(f"tests/{place}" for place in places(config) if "::" in place)
    if names:
        out = [item for item in items if item.nodeid.partition("[")[0] in names]
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--quick"):
        terminalreporter.section("left out by --quick; `make test` runs it")
        for reason, found in LEFT_OUT.items():
            terminalreporter.write_line(f"{reason}: {', '.join(found)}")
