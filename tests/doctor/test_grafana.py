"""What the doctor says of a Grafana and its dashboards."""

from __future__ import annotations

import pytest
from real.grafana import TOKEN, Grafana

from windsock.dashboards import grafana as client
from windsock.dashboards.build import files
from windsock.dashboards.health import examine
from windsock.dashboards.push import push
from windsock.settings import Settings


@pytest.fixture
def grafana(monkeypatch):
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    server = Grafana()
    server.start()
    yield server
    server.close()


@pytest.fixture
def settings(grafana):
    return Settings.model_validate({"grafana": {"url": grafana.url}})


def test_dashboards_that_are_not_there(settings):
    (one,) = examine(settings)
    assert (one.check, one.grade, one.mend) == ("grafana.dashboards", "warning", "`windsock dashboards push`.")


def test_dashboards_of_which_somebody_changed_one(grafana, settings):
    list(push(client.Grafana(grafana.url, settings.grafana.http), files(settings), settings.grafana.folder))
    assert list(examine(settings)) == []
    board = next(iter(grafana.boards))
    grafana.edit(board, description="ours")
    (one,) = examine(settings)
    assert (one.check, one.grade) == ("grafana.changed", "good")
    assert one.found.endswith(f"left so: {grafana.boards[board]['dashboard']['title']}.")


def test_a_token_that_it_does_not_take_is_not_repeated(settings, monkeypatch):
    monkeypatch.setenv("GRAFANA_TOKEN", "another")
    (one,) = examine(settings)
    assert (one.check, one.grade) == ("grafana.down", "warning")
    assert "another" not in one.found
