"""What a StatsD line becomes, and why: for people whose dashboards are empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock.text import clean

from .statsd.legacy import Held
from .statsd.line import LineError, parse, split
from .statsd.prefix import advice, foreign_prefix
from .statsd.target import Rejected, Target

if TYPE_CHECKING:
    from .statsd.line import Sample
    from .statsd.translate import Translator

_REASONS = {
    "unmapped": "no metric of the catalogue has this name",
    "duplicates": "the same fact comes under another name, and that one is stored",
    "ignored": "left out on purpose",
    "sample_errors": "can't be stored",
}
_KEEP = "to have such names beside the catalogue's, set exporter.statsd.unmapped to keep"
_LEFT_OUT = {
    "malformed": "it has no name, or no value",
    "same_label": "another tag has the same label",
    "unbounded": "each run, job, call or pod has another value",
    "redundant": "the metric says it already, or it would split one fact",
}


def explain(line: bytes, translator: Translator) -> list[dict[str, Any]]:
    """One entry for each sample that `line` holds: `sample`, `stored`, and either `series` or `reason`."""
    found = ({"sample": part.decode(errors="replace"), **_explain(part, translator)} for part in split(line))
    return [{name: _shown(value) for name, value in entry.items()} for entry in found]


def _shown(value: Any) -> Any:
    """What a terminal may show of a text, or of several: the line may be anybody's."""
    if isinstance(value, list):
        return [clean(text) for text in value]
    return clean(value) if isinstance(value, str) else value


def _explain(part: bytes, translator: Translator) -> dict[str, Any]:
    try:
        sample = parse(part)
    except LineError as error:
        return {"stored": False, "reason": f"not a StatsD line: {error}"}
    verdict = translator.translate(sample.head)
    about = {"dialect": sample.head.dialect, "type": sample.head.type}
    if isinstance(verdict, Rejected):
        unmapped = verdict.kind == "unmapped"
        to_do = (_foreign(sample, translator) or _unmapped(sample, translator)) if unmapped else {}
        return {**about, "stored": False, "reason": f"{_REASONS[verdict.kind]} ({verdict.reason})", **to_do}
    if isinstance(verdict, Held):
        # Alone, a legacy line can't tell whether its modern twin carries the ids; take it for the plain dialect.
        translator.forms.settle(verdict.key)
        inner = _explain(part, translator)
        return {**inner, "note": "a legacy name: stored only where the modern line of the same fact has no tags"}
    return {**about, "stored": True, **_series(sample, verdict), **_more(sample, verdict, translator)}


def _more(sample: Sample, target: Target, translator: Translator) -> dict[str, str]:
    if target.metric.source == "unmapped":
        return {"note": "kept because exporter.statsd.unmapped says so"}
    return _foreign(sample, translator) if target.metric.source == "mapping" else {}


def _foreign(sample: Sample, translator: Translator) -> dict[str, str]:
    found = foreign_prefix(sample.head.name, translator.prefix) if translator.prefix is not None else None
    return {"to do": advice(found)} if found is not None else {}


def _unmapped(sample: Sample, translator: Translator) -> dict[str, str]:
    ours = sample.head.name.startswith(f"{translator.prefix}." if translator.prefix else "")
    return {"to do": _KEEP} if ours and translator.unmapped is None else {}


def _series(sample: Sample, target: Target) -> dict[str, Any]:
    labels = ",".join(f'{name}="{value}"' for name, value in target.labels)
    effect = {"add": "adds", "set": "sets", "observe": "observes"}[target.operation]
    value = sample.value * (target.factor / 1000 if target.operation == "observe" else 1)
    corrections = []
    if target.operation == "observe" and sample.head.type == "ms" and target.factor != 1:
        corrections.append("the value is in seconds although the line says milliseconds")
    if target.ambiguous:
        corrections.append("the ids could be read in more than one way")
    if target.once:
        corrections.append("Airflow sends this line twice; the second is left out")
    return {
        "metric": target.metric.name,
        "help": target.metric.help,
        "series": f"{target.metric.family}{{{labels}}}" if labels else target.metric.family,
        "effect": f"{effect} {value:g}{' s' if target.operation == 'observe' else ''}"
        + (f", {round(1 / sample.head.rate)} times (sampled)" if sample.head.rate != 1 else ""),
        "corrections": corrections,
        "left out": [f"the tag {tag}: {_LEFT_OUT[why]}" for tag, why in target.left_out],
    }
