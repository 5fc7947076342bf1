"""What Airflow loads, by the entry point `airflow.plugins`.

Every process of Airflow imports this, those of tasks too: no ORM, no web framework, no settings here. What needs them
is imported when the web server is first asked for it.
"""

from __future__ import annotations

import asyncio
import importlib
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from windsock.airflow import compat, web

from . import hooks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

_NAME = "windsock"
_Base: Any = compat.plugin_base()


async def application(
    scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """The pages and the metrics as an ASGI application, imported when it is first asked, beside the event loop."""
    module = await asyncio.to_thread(importlib.import_module, f"{__package__}.api_server")
    await module.application(scope, receive, send)


class WindsockPlugin(_Base):  # type: ignore[misc]
    """Airflow reads these attributes of an instance: the lazy ones only where there is a web server."""

    name: ClassVar[str] = _NAME
    listeners: ClassVar[list[Any]] = [hooks]
    fastapi_apps: ClassVar[list[Any]] = [{"app": application, "name": _NAME, "url_prefix": f"/{_NAME}"}]

    @cached_property
    def external_views(self) -> list[dict[str, str]]:
        """3.1 and later: a tab of each DAG, and a page in the menu."""
        home = self._home()
        return [
            {"name": "Alerts", "href": f"{home}/dags/{{DAG_ID}}", "destination": "dag", "url_route": "windsock-dag"},
            {"name": "Alerts", "href": f"{home}/", "destination": "nav", "category": "browse", "url_route": _NAME},
        ]

    @cached_property
    def flask_blueprints(self) -> list[Any]:
        """2.11: the same pages."""
        return [importlib.import_module(f"{__package__}.webserver").blueprint] if _is_2() else []

    @cached_property
    def appbuilder_menu_items(self) -> list[dict[str, str]]:
        """2.11: the page in the menu."""
        return [{"name": "Alerts", "category": "Browse", "href": f"{self._home()}/"}] if _is_2() else []

    @cached_property
    def global_operator_extra_links(self) -> list[Any]:
        """2.11 has no place for links of a DAG: a button of each task instance."""
        return [importlib.import_module(f"{__package__}.link").DagLink()] if _is_2() else []

    @staticmethod
    def _home() -> str:
        return f"{web.base_path()}/{_NAME}"


def _is_2() -> bool:
    return web.major() == 2
