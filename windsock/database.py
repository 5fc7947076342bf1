"""Where the metadata database is: windsock's own setting, or Airflow's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from windsock import secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

AIRFLOW_URLS = ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__SQL_ALCHEMY_CONN")


def find_url(reference: str | None, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the database's URL: what `metadata.url` refers to, or Airflow's own; None where there is neither.

    Raises SettingsError where the reference leads nowhere.
    """
    environ = os.environ if environ is None else environ
    if reference is None:
        return next((environ[name] for name in AIRFLOW_URLS if environ.get(name)), None)
    return secrets.variable(reference, "metadata.url", environ)
