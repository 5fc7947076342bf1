"""Which of somebody's matchers take all of something of windsock's, and which are about others' alerts."""

from __future__ import annotations

import pytest
from real.installation import settings

from windsock.alerts.health.reach import Reach, key

OURS = {"receiver": "data-critical", "matchers": ['team="data"']}


@pytest.mark.parametrize(
    ("matchers", "broad"),
    [
        ([], True),
        (["severity=critical"], True),
        (["severity=~critical|warning", "cluster=prod"], True),
        (["alertname=AirflowTaskFailed"], True),
        (["dag_id=~.+"], True),
        (["namespace!=kube-system"], True),
        (["team!=data"], True),
        (["dag_id=orders_load", "severity=critical"], False),
        (["dag_id=~orders_.+"], False),
        (["cluster=staging"], False),
        (["team=platform"], False),
        (["alertname=~Node.*"], False),
        (["job=node"], False),
        (["severity=~("], False),
    ],
)
def test_what_is_broad(matchers, broad):
    assert Reach(settings()).is_broad(matchers) is broad


@pytest.mark.parametrize(
    ("routes", "takes"),
    [
        ([OURS, {"receiver": "all"}], None),
        ([{"receiver": "all"}, OURS], "all"),
        ([{"receiver": "all", "continue": True}, OURS], None),
        ([{"receiver": "node", "match": {"job": "node"}}, OURS], None),
        ([{"receiver": "pages", "match_re": {"severity": "crit.*"}}, OURS], "pages"),
        # All of windsock's in a branch of their own, as the page on attaching has it.
        ([{"receiver": "all", "matchers": ["cluster=prod"], "routes": [OURS]}], None),
        ([{"receiver": "all", "matchers": ["cluster=prod"], "routes": [{"receiver": "own"}, OURS]}], "own"),
        ([{"receiver": "all"}, {"receiver": "mine", "routes": [OURS]}], "all"),
    ],
)
def test_a_route_that_stands_before_windsocks(routes, takes):
    found = Reach(settings()).before({"routes": routes}, {key(OURS)})
    assert (found["receiver"] if found else None) == takes
