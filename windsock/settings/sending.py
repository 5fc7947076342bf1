"""What a callback goes by where nothing is attached: the section `callbacks` of windsock.yaml but for whom it is given.

A module of its own: a callback has nothing of the rest built.
"""

# Annotations are values in this module: pydantic would compile each text, in each callback's process.

from pydantic import Field

from windsock.settings.section import Section
from windsock.settings.units import Duration, Size


class Spool(Section):
    """What could not be delivered waits here."""

    dir: str | None = None
    """None: windsock-UID below /var/tmp, a folder of each user. A container's own disk dies with it: name a volume."""
    max_files: int = Field(default=10_000, ge=0)
    """Of what waits, and again of what can't be delivered; beyond it the new is refused, of the dead the oldest goes.
    0: nothing is kept."""
    max_bytes: Size = 100 << 20
    late_after: Duration = 600.0
    """What is delivered so long after the failure says so in its text."""
    expire: Duration = Field(default=259_200.0, ge=60)
    """What could not be delivered for so long is given up: a dead letter."""


class Sending(Section):
    """What runs inside Airflow's processes."""

    enabled: bool = True
    """false: no callback sends anything or is attached; the plugin and `windsock.metrics` go on."""
    budget: Duration = Field(default=10.0, gt=0, le=19)
    """Seconds for everything a callback does; Airflow kills the process at 20."""
    spool: Spool = Spool.unset()
    templates: dict[str, str] = {}
    """By name: jinja text that is said instead of the exception; docs/channels.md says what it may use."""
