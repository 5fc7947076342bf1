"""Packages that not every installation has, and which extra of windsock's own brings each."""

from __future__ import annotations

import importlib.util

from windsock.exceptions import WindsockError

_EXTRAS = {
    "aiosmtpd": "demo",
    "apprise": "apprise",
    "bcrypt": "exporter",
    "cryptography": "demo",
    "grafanalib": "dashboards",
    "grpc": "otlp",
    "opentelemetry": "otlp",
    "plotly": "dashboards",
    "promql_parser": "dashboards",
    "re2": "mappings",
    "redis": "celery",
    "sqlalchemy": "exporter",
    "uv": "demo",
}
"""By module, as pyproject.toml has them."""


class MissingPackageError(WindsockError):
    """A package is not installed; the message names the command that installs it."""

    def __init__(self, module: str, what: str = "this") -> None:
        package = module.partition(".")[0]
        wanted = f"windsock[{_EXTRAS[package]}]" if package in _EXTRAS else package
        super().__init__(f"{what} needs the package {package}: pip install '{wanted}' brings it")


def need(*modules: str, what: str) -> None:
    """Raise MissingPackageError where one of `modules` is not installed."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise MissingPackageError(module, what)
