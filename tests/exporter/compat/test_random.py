"""Random mapping files and random lines: what is exposed is what the real statsd_exporter exposes."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PART = st.sampled_from(["a", "b", "c", "a-b", "7", "x_y"])
NAME = st.lists(PART, min_size=1, max_size=4).map(".".join).map(lambda name: name if name[0].isalpha() else f"n{name}")
GLOB = st.lists(PART | st.just("*"), min_size=1, max_size=4).map(".".join).filter(lambda glob: glob[0] != "7")
PIECES = (
    r"(\w+) \. a (.*) (b|c)? ^ $ ([[:alpha:]]+) [^.] (?P<n>\d)? (?i:A|\p{Greek}) .*? \b \z (?U)(x+) \Q.\E (?:a|a-)*"
)
REGEX = st.lists(st.sampled_from([*PIECES.split(), "(|a)+", r"[^\d\P{Greek}]"]), min_size=1, max_size=5).map("".join)
# A group's name that stands twice is refused.
REGEX = REGEX.filter(lambda regex: regex.count("<n>") < 2)
TEMPLATE = st.sampled_from(["m", "n", "m_${1}", "n_$2", "${2}_${1}", "m$1", "$1", "o_$1_$2", "${3}x"])
VALUE = st.sampled_from(["x", "$1", "${2}", "$1-$2", "$3", "$1$2", "a b", '"\\', "é", "$0", "$n", ""])
LABEL = st.sampled_from(["la", "lb", "tag", "x1"])
KIND = st.sampled_from(["counter", "gauge", "observer"])
BUCKETS = st.lists(st.sampled_from([0.1, 0.25, 1, 5, 100, 5000000]), min_size=1, unique=True).map(sorted)
QUANTILE = st.sampled_from([0.1, 0.5, 0.75, 0.9, 1]).map(lambda quantile: {"quantile": quantile, "error": 0.01})


def optional(**keys: st.SearchStrategy) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


RULE = st.one_of(
    st.fixed_dictionaries({"match": GLOB, "name": TEMPLATE}, optional={"match_type": st.just("glob")}),
    st.fixed_dictionaries({"match": REGEX, "name": TEMPLATE, "match_type": st.just("regex")}),
)
COMMON = optional(
    labels=st.dictionaries(LABEL, VALUE, max_size=3),
    match_metric_type=KIND,
    honor_labels=st.booleans(),
    action=st.sampled_from(["map", "map", "drop"]),
)
# Two texts, or two sets of buckets, for one name break statsd_exporter's scrape: each rule with some has its own name.
OWN = st.one_of(
    optional(help=st.text("ab \\\n\"'é", min_size=1)),
    st.fixed_dictionaries(
        {"observer_type": st.just("histogram")},
        optional={"histogram_options": st.fixed_dictionaries({"buckets": BUCKETS})},
    ),
    st.fixed_dictionaries(
        {"observer_type": st.just("summary")},
        optional={"summary_options": st.fixed_dictionaries({"quantiles": st.lists(QUANTILE, min_size=1)})},
    ),
    st.fixed_dictionaries({"match_metric_type": st.just("observer"), "scale": st.sampled_from([0.5, 2, 10])}),
)


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, Any]:
    rules = []
    for number in range(draw(st.integers(0, 6))):
        rule = {**draw(RULE), **draw(COMMON)}
        if draw(st.booleans()):
            rule = {**rule, **draw(OWN), "name": f"own{number}_{rule['name']}"}
        rules.append(rule)
    defaults = draw(
        optional(observer_type=st.sampled_from(["histogram", "summary"]), glob_disable_ordering=st.booleans())
    )
    return {"defaults": defaults, "mappings": rules}


@st.composite
def lines(draw: st.DrawFn) -> str:
    type_ = draw(st.sampled_from(["c", "g", "ms", "h", "d"]))
    name, tags = draw(NAME), draw(st.dictionaries(st.sampled_from(["tag", "la", "9x", "a.b"]), PART, max_size=2))
    sign = draw(st.sampled_from(["", "", "+", "-"])) if type_ == "g" else ""
    sample = f"{sign}{draw(st.integers(0, 3000))}|{type_}"
    if draw(st.booleans()):
        sample += f"|@{draw(st.sampled_from([0.5, 0.25, 0.1, 1, 0, 'x']))}"
    pairs = ",".join(f"{key}={value}" for key, value in tags.items())
    dialect = draw(st.sampled_from([",", "#", "[", "|"])) if tags else ""
    if dialect == "|":
        return f"{name}:{sample}|#{pairs.replace('=', ':')}"
    more = draw(st.sampled_from(["", "", f":{sample}"]))
    return f"{name}{dialect}{pairs}{']' if dialect == '[' else ''}:{sample}{more}"


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(mapping=mappings(), sent=st.lists(lines(), min_size=5, max_size=40))
def test_it_is_as_in_statsd_exporter(mapping, sent, ours, theirs, write):
    file = write(yaml.safe_dump(mapping))
    peer = theirs(file)
    exposed = peer.feed(*sent).exposed()
    peer.end()
    assert ours(file).feed(*sent, batch=1).exposed().differences(exposed) == []
    # Which of two types comes first is known within a batch by the last line of each.
    batched = ours(file).feed(*sent)
    assert "type_conflict" in batched.counted() or batched.exposed().differences(exposed) == []
