"""The same as `Notify`, as a BaseNotifier of Airflow's: importing it imports Airflow's, which costs more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock.airflow.compat import base_notifier

from .notify import Notify
from .options import BESIDE, forgiving
from .sending import ignored

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

_BaseNotifier: Any = base_notifier()


class Notifier(_BaseNotifier):  # type: ignore[misc]  # Airflow is not installed where types are checked
    """Takes the arguments of `Notify`. Nothing in it is a template, and nothing changes when it is called.

    As a class it can be the callback of a deadline too: `AsyncCallback(Notifier, kwargs={"team": "payments"})`.
    """

    template_fields = ()

    def __init__(self, context: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__()
        self.beside = {name: options.pop(name) for name in BESIDE if name in options}
        self.context = {**(context or {}), **self.beside} if self.beside else context
        self.options = options
        # With a context it is made when something has happened: it is too late for an error.
        self.what = Notify(**options) if self.context is None else forgiving(options, ignored, Notify())

    def __call__(self, *args: Any) -> None:
        """Tell of what Airflow's context says, or 2.11's five arguments for a missed SLA."""
        context, *more = args or ({},)
        self.what({**context, **self.beside} if self.beside and isinstance(context, dict) else context, *more)

    def notify(self, context: Mapping[str, Any]) -> None:
        """Tell of what `context` says."""
        self(context)

    async def async_notify(self, context: Mapping[str, Any]) -> None:
        """The same, without holding up the event loop."""
        from . import deadline  # noqa: PLC0415

        await deadline.aside(lambda: self.notify(context))

    def __await__(self) -> Generator[Any, None, None]:
        return self.async_notify(self.context or {}).__await__()
