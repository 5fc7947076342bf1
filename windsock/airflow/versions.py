"""The versions of Airflow that windsock knows, and what each of them registers."""

from __future__ import annotations

from pathlib import Path

OLDEST = "2.11.0"
NEWEST = "3.3.2"
"""What the demo starts and the tests run, the oldest and the newest."""
NEXT = "3.4.0b2"
"""A beta: one module of tests runs it, and the demo where its name is said."""

DATA = Path(__file__).parent / "data"

REGISTRIES = (
    ("2.11", "airflow-2.11.0.json"),  # it has no registry: written down from the code
    ("3.1.3", "airflow-3.1.3.json"),  # no registry either: what a capture of it holds beyond 2.11's
    ("3.3.2", "airflow-3.3.2.json"),
    ("3.3.2", "airflow-unregistered.json"),  # sent by 3.3.2, though its registry does not know of it
    ("3.4.0", "airflow-3.4.0b2.json"),
)
"""By the version from which on it holds: the file with the name, type, legacy forms and variables of each metric."""
