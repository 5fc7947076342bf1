"""The dashboards as files: Python in, JSON out."""

from __future__ import annotations

from pathlib import Path

from windsock.settings import Settings

from .boards.custom import custom
from .boards.dag import dag
from .boards.itself import itself
from .boards.objectives import objectives
from .boards.overview import overview
from .boards.pools import pools
from .boards.processing import processing
from .boards.scheduler import scheduler
from .boards.task import task
from .boards.teams import teams
from .boards.triggerer import triggerer

_DASHBOARDS = {
    f"{make.__name__}.json": make
    for make in (
        custom, dag, itself, objectives, overview, pools, processing, scheduler, task, teams, triggerer
    )
}  # fmt: skip
"""By file name. The board of the logs is made with what else there is for Elasticsearch: `windsock logs build`."""


def files(settings: Settings | None = None) -> dict[str, str]:
    """Return the JSON of every dashboard by its file name; the same settings give the same text."""
    settings = settings or Settings()
    return {name: make(settings) for name, make in sorted(_DASHBOARDS.items())}


def write(texts: dict[str, str], out: Path) -> None:
    """Write `texts` into the folder `out`; a file that is right already is not touched. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    for name in differing(texts, out):
        if name in texts:
            (out / name).write_text(texts[name], encoding="utf-8")


def differing(texts: dict[str, str], out: Path) -> list[str]:
    """Return the names in `out` that are missing, that hold something else, or that nothing makes."""
    kinds = {Path(name).suffix for name in texts} | {".json"}
    there = {path.name for path in out.glob("*") if path.suffix in kinds}
    changed = {name for name, text in texts.items() if name not in there or (out / name).read_text("utf-8") != text}
    return sorted(changed | (there - texts.keys()))
