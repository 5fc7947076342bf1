"""What both readers need of Airflow: its own logging configuration, with one class put in the place of another."""

from __future__ import annotations

import copy
import importlib
import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from windsock.settings import Settings

    from .reader import Reader

log = logging.getLogger(__name__)

READER = "task"
"""The name of the handler that Airflow reads through, `[logging] task_log_reader`."""


@dataclass(frozen=True)
class Base:
    """The configuration that is extended."""

    module: ModuleType
    name: str

    @property
    def handler(self) -> type:
        """The class of the handler of tasks."""
        place, _, name = self._values()["handlers"][READER]["class"].rpartition(".")
        found: type = getattr(importlib.import_module(place), name)
        return found

    def config(self, handler: str, formatter: str | None = None) -> dict[str, Any]:
        """A copy, in which tasks are handled by `handler`; lines of tasks and of parsing are made by `formatter`."""
        values = copy.deepcopy(self._values())
        values["handlers"][READER]["class"] = handler
        if formatter:
            values.setdefault("formatters", {})["windsock"] = {"class": formatter}
            for name in (READER, "processor"):
                values["handlers"].get(name, {})["formatter"] = "windsock"
        return values

    def attribute(self, name: str) -> Any:
        """What the module says besides the configuration, such as REMOTE_TASK_LOG."""
        return getattr(self.module, name, None)

    def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = getattr(self.module, self.name)
        return values


def base(default: str) -> Base:
    """Import the configuration that `logs.airflow_logging` names, else `default`. Raises ImportError."""
    place, _, name = (settings().logs.airflow_logging or default).rpartition(".")
    return Base(importlib.import_module(place), name)


@cache
def settings() -> Settings:
    """The settings as far as they can be used: a wrong file costs the reading of logs, never Airflow's start."""
    from windsock import settings as known  # noqa: PLC0415  every task's process imports this module
    from windsock.exceptions import SettingsError  # noqa: PLC0415

    try:
        return known.load(cwd=False)
    except SettingsError as error:
        log.warning("windsock's settings are not used, its defaults are: %s", error)
        return known.Settings()


@cache
def reader() -> Reader:
    """The reader with these settings."""
    from .reader import Reader  # noqa: PLC0415  only where a log is read

    return Reader(settings())


def is_running(ti: Any) -> bool:
    """Whether the try still goes on: then Airflow shows its files, and ours would be there twice."""
    from airflow.utils.state import State  # noqa: PLC0415  only where a log is read

    return ti.state in State.unfinished


def find(path: str, ti: Any) -> tuple[list[str], list[Iterator[dict[str, Any]]]]:
    """`Reader.find` for a log of Airflow's; never an error of Airflow's page."""
    from airflow.configuration import conf  # noqa: PLC0415

    try:
        folder = Path(conf.get("logging", "base_log_folder")).expanduser()
        return reader().find(path, folder, getattr(ti, "end_date", None))
    except Exception as error:  # whatever goes wrong here, the files are there
        log.warning("the log %s is not read from Elasticsearch", path, exc_info=True)
        return [f"Elasticsearch was not asked: {type(error).__name__}"], []


def linked(handler: type) -> type:
    """A class like `handler` that links to Kibana, where one is configured."""
    from airflow.utils.log.logging_mixin import ExternalLoggingMixin  # noqa: PLC0415

    def link(self: Any, task_instance: Any, try_number: int) -> str:
        return reader().link(self._render_filename(task_instance, try_number))

    members = {
        "__doc__": handler.__doc__,
        "log_name": property(lambda _: "Kibana"),
        "supports_external_link": property(lambda _: settings().logs.kibana is not None),
        "get_external_log_url": link,
    }
    return type("TaskHandler", (handler, ExternalLoggingMixin), members)
