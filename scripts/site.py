"""The documentation site: what MkDocs makes of docs/, and the pages that are made of the code.

MkDocs calls the functions `on_…` (`hooks` in mkdocs.yml); `make docs` runs it. A page of docs/ that NAV does not name
stands under "More".
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from windsock import catalog
from windsock.alerts.coverage import EVENTS, RUNBOOKS
from windsock.alerts.rules import GROUPS
from windsock.cli import windsock
from windsock.manual.site import FILE as PACKED
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
NAV: dict[str, tuple[str, ...]] = {
    "Start": ("index.md", "start.md", "attach.md", "compose.md", "limits.md"),
    "Run it": (
        "deploy.md",
        "kubernetes.md",
        "managed.md",
        "celery.md",
        "sizing.md",
        "remote-write.md",
        "security.md",
        "secrets.md",
    ),
    "Concepts": ("concepts.md", "decisions.md", "compare.md"),
    "Something is wrong": ("troubleshooting.md", "doctor.md", "runbooks/index.md"),
    "How to": (
        "exporter.md",
        "otlp.md",
        "metadata.md",
        "reconciler.md",
        "callbacks.md",
        "channels.md",
        "inbox.md",
        "alerts.md",
        "alertmanager.md",
        "objectives.md",
        "dashboards.md",
        "dashboards-commands.md",
        "preview.md",
        "plugin.md",
        "custom-metrics.md",
        "logs.md",
    ),
    "Reference": (
        "reference/settings.md",
        "reference/metrics.md",
        "reference/alerts.md",
        "reference/commands.md",
        "matrix.md",
        "airflow-3.4.md",
        "changelog.md",
    ),
}
COPIED = {"changelog.md": "CHANGELOG.md"}
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)#]+)(?:#[^)]*)?\)")
SOURCES = {
    "statsd": "Airflow's, by StatsD or OpenTelemetry",
    "metadata": "Airflow's metadata database",
    "windsock": "windsock itself",
    "custom": "A DAG's own",
}


def generated() -> dict[str, str]:
    """The text of each page that is made, by its path."""
    runbooks = {path.name: path.read_text(encoding="utf-8") for path in sorted(RUNBOOKS.glob("*.md"))}
    return {
        "reference/settings.md": "\n".join(settings()),
        "reference/metrics.md": "\n".join(metrics()),
        "reference/alerts.md": "\n".join(alerts("../runbooks/")),
        "reference/commands.md": "\n".join(commands()),
        "runbooks/index.md": "\n".join(alerts("")).replace("# Alerts", "# Runbooks", 1),
        **{f"runbooks/{name}": text for name, text in runbooks.items()},
        **{name: (ROOT / file).read_text(encoding="utf-8") for name, file in COPIED.items()},
    }


def settings() -> Iterator[str]:
    """Every key of windsock.yaml."""
    schema = Settings.model_json_schema()
    yield "# Settings\n\nEvery key of `windsock.yaml`; all are optional."
    yield "`windsock config show` prints those in force.\n"
    yield from _section(schema, schema["$defs"], "", 2)


def _section(section: dict[str, Any], known: dict[str, Any], path: str, depth: int) -> Iterator[str]:
    keys, below = [], []
    for name, value in section.get("properties", {}).items():
        inner = _inner(value, known)
        if inner is not None and inner.get("properties"):
            below.append((f"{path}{name}", inner, value))
        if inner is None or not inner.get("properties") or "default" not in value or _is_list(value):
            keys.append(f"| `{name}` | {_cell(json.dumps(value.get('default')))} | {_cell(value.get('description'))} |")
    if keys:
        yield "\n".join(["| key | default | |", "|---|---|---|", *keys, ""])
    for name, inner, value in below:
        yield f"{'#' * min(depth, 5)} `{name}`\n"
        yield f"{_prose(value.get('description') or inner.get('description'))}\n"
        yield from _section(inner, known, f"{name}{'.NAME' if _is_list(value) else ''}.", depth + 1)


def _inner(value: dict[str, Any], known: dict[str, Any]) -> dict[str, Any] | None:
    """The section that a key holds, or holds many of."""
    for one in (value, *value.get("anyOf", ()), value.get("additionalProperties"), value.get("items")):
        if isinstance(one, dict) and "$ref" in one:
            found: dict[str, Any] = known[one["$ref"].rpartition("/")[2]]
            return found
    return None


def _is_list(value: dict[str, Any]) -> bool:
    return "items" in value or isinstance(value.get("additionalProperties"), dict)


def metrics() -> Iterator[str]:
    """Every metric of the catalogue."""
    yield "# Metrics\n\nEach metric that the exporter shows, and the Airflows that send it:"
    yield "from that version on, to before the other.\n"
    for source, title in SOURCES.items():
        yield f"## {title}\n\n| metric | type | labels | Airflow | |\n|---|---|---|---|---|"
        for one in sorted(catalog.by_family().values(), key=lambda one: one.family):
            if one.source == source:
                spans = "; ".join(f"{since or 'all'}{f' to {until}' if until else ''}" for since, until in one.versions)
                labels = ", ".join(f"`{label}`" for label in one.labels)
                yield f"| `{one.family}` | {one.kind} | {labels} | {spans} | {_cell(one.help)} |"
        yield ""


def alerts(to: str) -> Iterator[str]:
    """Every alert, with its runbook."""
    yield "# Alerts\n\nEach alert, and its runbook: what it means, where to see it, what to do, how it can be wrong.\n"
    yield "| alert | severity | after | says |\n|---|---|---|---|"
    for name in EVENTS:
        yield f"| [{name}]({to}{name}.md) | by `severity` | at once | callbacks and the reconciler, of one failure |"
    for group in GROUPS:
        for rule in group.rules:
            after = "at once" if rule.for_ == "0s" else rule.for_
            yield f"| [{rule.name}]({to}{rule.name}.md) | {rule.severity} | {after} | {_cell(rule.summary)} |"


def commands() -> Iterator[str]:
    """Every command with its options."""
    yield "# Commands\n\nWhat `--help` says of each.\n"
    for path, command in walk(windsock, "windsock"):
        context = click.Context(command, info_name=path, terminal_width=100, max_content_width=100)
        yield f"## {path}\n\n```text\n{command.get_help(context)}\n```\n"


def walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it, with what a person types."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from walk(below, f"{path} {name}")


def _cell(text: str | None) -> str:
    """Of a table: one line, in which no brace is a template's and no bar ends it."""
    return _prose(text).replace("|", "\\|").replace("\n", " ")


def _prose(text: str | None) -> str:
    return (text or "").replace("<", "&lt;").replace("{{", "{ {").replace("}}", "} }")


def pages(docs: Path) -> dict[str, list[str]]:
    """The pages by their group, in order; what no group names is last."""
    there = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")} | generated().keys()
    named = {page for group in NAV.values() for page in group}
    more = sorted(page for page in there - named if not page.startswith("runbooks/"))
    found = {title: [page for page in group if page in there] for title, group in NAV.items()}
    return {**found, **({"More": more} if more else {})}


def on_config(config: Any) -> Any:
    """MkDocs: the order of the pages."""
    config["nav"] = [{title: list(group)} for title, group in pages(Path(config["docs_dir"])).items()]
    return config


def on_files(files: Any, config: Any) -> Any:
    """MkDocs: the pages that are made."""
    from mkdocs.structure.files import File  # noqa: PLC0415  tests need no MkDocs

    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_post_build(config: Any) -> None:
    """MkDocs: the site in one file, for `windsock docs`. The same site makes the same file."""
    pack(Path(config["site_dir"]), ROOT / "windsock" / PACKED.parent.name / PACKED.name)


def pack(folder: Path, file: Path) -> None:
    """Without what no page asks for here: maps of scripts for their authors, and other languages' search."""
    new = file.with_suffix(".new")
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            if not name.endswith((".map", "sitemap.xml", "sitemap.xml.gz")) and "/lunr/" not in name:
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    new.rename(file)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs: what lies outside the site is named, not linked."""
    return _OUTSIDE.sub(lambda match: match[1] if match[1] == match[2] else f"{match[1]} (`{match[2]}`)", markdown)
