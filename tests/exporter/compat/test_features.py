"""Every feature of the mapping file gives what the real statsd_exporter gives."""

from __future__ import annotations

import pytest

CASES = {
    "a glob fills name and labels": (
        """
mappings:
- {match: "a.*.b.*", name: "b_${2}", labels: {first: $1, second: "x-$2", third: "$3", fixed: 8080, none: }}
""",
        ["a.one.b.two:1|c", "a.o-n_e.b.2:3|c", "a.x.b:1|c", "a.x.b.c.d:1|c"],
    ),
    "references that stand together are one of that name": (
        """
mappings:
- {match: "a.*.*", name: "x_$1_$2", labels: {joined: $1$2, right: "${1}${2}", dashed: $1-$2, zero: "$0", name: $n}}
- {match: "b.*.*", name: "y_${1}_${2}", labels: {percent: "$1 of 10", leading: "$01", dollar: "$", twice: $1-$1}}
""",
        ["a.p.q:1|c", "b.p.q:1|c"],
    ),
    "$0 of a glob is the whole name": (
        """
mappings:
- {match: "a.*", name: "of_$0", labels: {whole: "$0", twice: "${0}-$1-$00"}}
- {match: "b.c", name: "b_${0}", labels: {none: "$1"}}
""",
        ["a.b:1|c", "a.b-c:1|c", "b.c:1|g"],
    ),
    "a star in a name is a star of the glob, and no capture": (
        """
mappings:
- {match: "a.*.*", name: "a", labels: {first: "$1", second: "$2"}}
- {match: "a.b.*", name: "never", labels: {first: "$1"}}
""",
        ["a.*.x:1|c", "a.x.*:1|c", "a.*.*:1|c", "a.b.*:1|c"],
    ),
    "the first glob of several wins": (
        """
mappings:
- {match: "a.*.c", name: first}
- {match: "a.b.*", name: second}
- {match: "*.*.*", name: third}
- {match: "a.b.c", name: never}
- {match: "*", name: single}
""",
        ["a.b.c:1|c", "a.b.x:1|c", "a.x.c:1|c", "x.y.z:1|c", "a.y.z:1|c", "x:1|c", "x.y:1|c"],
    ),
    "without ordering the most specific glob wins": (
        """
defaults: {glob_disable_ordering: true}
mappings:
- {match: "*.*.*", name: third}
- {match: "a.*.c", name: first}
- {match: "a.b.*", name: second}
- {match: "a.*.*.d", name: fourth}
- {match: "a.b.c.e", name: fifth}
""",
        ["a.b.c:1|c", "a.b.x:1|c", "a.x.c:1|c", "x.y.z:1|c", "a.y.z:1|c", "a.b.c.d:1|c", "a.b.c.e:1|c"],
    ),
    "without ordering a covered glob is not searched a second time": (
        """
defaults: {glob_disable_ordering: true}
mappings:
- {match: "a.*.*", name: general}
- {match: "a.b.c", name: special}
""",
        ["a.b.c:1|c", "a.b.x:1|c", "a.x.x:1|c"],
    ),
    "without ordering a glob that stands twice is not searched a second time": (
        """
defaults: {glob_disable_ordering: true}
mappings:
- {match: "a.*.c", name: twice}
- {match: "a.*.c", name: again}
- {match: "a.b.d", name: once}
""",
        ["a.b.c:1|c", "a.x.c:1|c", "a.b.d:1|c"],
    ),
    "a glob that begins a longer one before it never matches": (
        """
mappings:
- {match: "a.*.c", name: longer}
- {match: "a.*", name: shorter}
- {match: "b.*", name: shorter_first}
- {match: "b.*.c", name: longer_second}
""",
        ["a.b.c:1|c", "a.b:1|c", "b.b:1|c", "b.b.c:1|c"],
    ),
    "the same glob twice, for all types and for one": (
        """
mappings:
- {match: "a.*", name: of_counters, match_metric_type: counter}
- {match: "a.*", name: of_others, labels: {id: $1}}
- {match: "a.*", name: never}
""",
        ["a.b:1|c", "a.c:1|g", "a.d:1|ms"],
    ),
    "regular expressions after globs, the first that is found": (
        r"""
mappings:
- {match: 'a\.(\w+)\.(?P<rest>.*)$', match_type: regex, name: "one_${1}", labels: {rest: "${rest}", whole: $0, no: $9}}
- {match: "a.*.c", name: glob}
- {match: '^a\.', match_type: regex, name: two, labels: {cost: "$$5", open: "${1", dollar: "$-"}}
- {match: '(?<word>[[:alpha:]]+)-\d+\z', match_type: regex, name: "word", labels: {word: $word, wrong: $word_x}}
- {match: 'x(y)?z', match_type: regex, name: "optional", labels: {maybe: "<$1>"}}
- {match: 'gauge', match_type: regex, match_metric_type: gauge, name: gauges}
- {match: .*, match_type: regex, match_metric_type: observer, name: "timers_$0"}
""",
        [
            *("a.b.c:1|c", "a.b.c.d:1|c", "a.b-b.c.d:1|c", "b.a.x.y:1|c", "abc-12:1|c", "abc-x:1|c", "xz:1|c"),
            *("xyz:1|c", "gauge:1|g", "gauge:1|c", "any.thing:1|ms", "ä-1:1|c"),
        ],
    ),
    "match_type by default": (
        r"""
defaults: {match_type: regex}
mappings:
- {match: 'a(.*)', name: "found_$1"}
- {match: b.*, match_type: glob, name: globbed}
- {match: .*, match_type: glob, name: globbed_two, match_metric_type: gauge}
""".replace("match: .*,", 'match: "*",'),
        ["xab:1|c", "b.c:1|c", "bb:1|c", "c:1|g"],
    ),
    "drop": (
        """
mappings:
- {match: keep.*, name: kept}
- {match: gone.*, name: "-", action: drop}
- {match: ., match_type: regex, name: dropped, action: drop}
""".replace('"-"', "ignored"),
        ["keep.a:1|c", "gone.a:1|c", "other:1|g", "another.one:5|ms"],
    ),
    "help": (
        r"""
mappings:
- {match: a, name: a, help: "What \\ it is\nin two lines."}
- {match: b, name: b, help: ""}
""",
        ["a:1|c", "b:1|c", "c:1|c"],
    ),
    "labels and tags of one name": (
        """
mappings:
- {match: "ours.*", name: ours, labels: {id: $1, more: x}}
- {match: "theirs.*", name: theirs, labels: {id: $1, more: x}, honor_labels: true}
""",
        ["ours.a:1|c|#id:tag,other:y", "theirs.a:1|c|#id:tag,other:y", "theirs.b:1|c", "ours.c,id=t:1|c"],
    ),
    "timers as summaries by default": (None, ["t:200|ms", "t:100|ms", "t:900|ms", "h:200|h", "d:3|d", "t:0.5|ms|@0.1"]),
    "timers as histograms": (
        """
defaults: {observer_type: histogram, histogram_options: {buckets: [0.25, 1, 60, 604800, 2592000, .inf]}}
mappings:
- {match: own.*, name: own, histogram_options: {buckets: [0.1, 1e3]}, labels: {id: $1}}
- {match: old.*, name: old, histogram_options: {buckets: [1, 2, 3]}}
- {match: summary.*, name: summary, observer_type: summary}
- {match: native, name: native, histogram_options: {native_histogram_bucket_factor: 1.05}}
""",
        [
            f"{n}:{v}|ms"
            for n in ("own.a", "old.a", "summary.a", "native", "other.a")
            for v in (100, 250, 999, 1001, 9e9)
        ],
    ),
    "summaries": (
        """
defaults: {summary_options: {quantiles: [{quantile: 0, error: 0}, {quantile: 1, error: 0}, {quantile: 0.25}]}}
mappings:
- {match: a.*, name: a, observer_type: summary, summary_options: {max_age: 1m30s, age_buckets: 3, buf_cap: 10}}
- match: b.*
  name: b
  observer_type: summary
  summary_options: {quantiles: [{quantile: 0.9, error: 0.01}, {quantile: 0.50, error: 0.01}]}
""",
        [f"{name}.x:{value}|h" for name in "abc" for value in range(37)],
    ),
    "scale of timers": (
        """
mappings:
- {match: t.*, name: t, scale: 0.5}
- {match: h.*, name: h, scale: 1e-3, observer_type: histogram, histogram_options: {buckets: [0.5, 1.5]}}
""",
        ["t.a:200|ms", "t.a:3|d", "h.a:1000|h", "h.a:2000|h"],
    ),
    "scale of counters and gauges": (
        """
mappings:
- {match: c.*, name: c, scale: 0.001}
- {match: g.*, name: g, scale: -2}
- {match: n.*, name: n, scale: -1}
- {match: z.*, name: z, scale: 0}
""",
        ["c.a:1500|c", "c.a:500|c|@0.5", "g.a:5|g", "g.a:+1|g", "g.a:-3|g", "n.a:5|c", "z.a:5|c", "z.b:5|g"],
    ),
    "names become legal": (
        """
mappings:
- {match: a.*, name: "x_${1}"}
- {match: b.*, name: "${1}_b"}
- {match: c.*, name: "${2}"}
""",
        ["a.b-c:1|c", "a.--:1|c", "b.5x:1|c", "b.ü:1|c", "c.x:1|c", "5.a:1|c", "a/b:1|c", "a b\tc:1|c", "a--b.c:1|c"],
    ),
    "the first type of a name wins": (
        """
mappings:
- {match: one.*, name: same}
- {match: two.*, name: same, labels: {id: $1}}
""",
        ["one.a:1|c", "two.a:1|g", "two.b:1|c", "one.b:5|ms", "x:1|g", "x:1|c", "y:1|ms", "y:1|c", "y:2|h"],
    ),
    "names that collide with a summary's or a histogram's samples": (
        """
mappings:
- {match: h.*, name: h, observer_type: histogram}
""",
        [
            *("s:1|ms", "s_sum:1|c", "s_count:1|g", "s_bucket:1|c", "h.x:1|ms", "h_bucket:1|c", "h_sum:1|g"),
            *("a_sum:1|c", "a:1|ms", "b_bucket:1|c", "b:1|ms", "c:1|c", "c_sum:1|c", "g:1|g", "g_sum:1|c"),
        ],
    ),
    "changes of a gauge": (None, ["g:333|g", "g:-10|g", "g:+4|g", "n:-5|g", "n:0|g", "n:-5|g", "p:+5|g"]),
    "anchors and quoting of YAML": (
        """
mappings:
- &common {labels: {team: "a b", on: yes}, help: "It's: #1", match: a.*, name: a}
- <<: *common
  match: b.*
  name: b
  help: another
""",
        ["a.x:1|c", "b.x:1|c"],
    ),
    "an empty file": ("", ["a.b:1|c", "c:5|ms"]),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_as_in_statsd_exporter(case, compare):
    mapping, lines = CASES[case]
    exposed = compare(mapping, lines)
    assert exposed.samples


OLDER = """
defaults: {timer_type: histogram, buckets: [0.5, 5], quantiles: [{quantile: 0.3}]}
mappings:
- {match: a.*, name: a}
- {match: b.*, name: b, timer_type: summary}
- {match: c.*, name: c, timer_type: summary, quantiles: [{quantile: 0.75}]}
- {match: d.*, name: d, timer_type: summary, observer_type: histogram, buckets: [2]}
- {match: e.*, name: e, match_metric_type: timer}
"""
NEWER = """
defaults:
  observer_type: histogram
  histogram_options: {buckets: [0.5, 5]}
  summary_options: {quantiles: [{quantile: 0.3, error: 0.01}]}
mappings:
- {match: a.*, name: a}
- {match: b.*, name: b, observer_type: summary}
- {match: c.*, name: c, observer_type: summary, summary_options: {quantiles: [{quantile: 0.75, error: 0.01}]}}
- {match: d.*, name: d, observer_type: histogram, histogram_options: {buckets: [2]}}
- {match: e.*, name: e, match_metric_type: observer}
"""


def test_spellings_that_it_no_longer_takes_mean_what_they_meant(ours, write, compare):
    lines = [f"{name}.x:{value}|ms" for name in "abcdef" for value in (100, 1000, 10000)]
    older = ours(write(OLDER)).feed(*lines).exposed()
    assert older.differences(compare(NEWER, lines)) == []
