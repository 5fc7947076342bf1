"""The rules: what Prometheus alone can see. Every expression keeps `cluster`, a label of the scrape targets."""

from __future__ import annotations

from .assets import ASSETS
from .capacity import CAPACITY, READY
from .delivery import DELIVERY
from .finishing import FAILING, FINISHING, SUCCEEDING
from .housekeeping import HOUSEKEEPING
from .intake import INTAKE
from .monitors import MONITORS
from .objectives import BUDGETS, OBJECTIVES
from .parsing import PARSED, PARSING
from .promises import PROMISES
from .promql import CLUSTERS, DAY, RECONCILED, TARGETS, growth, known
from .rule import Group, Rule
from .scheduling import RUNS, SCHEDULING
from .shipping import SHIPPING
from .triggering import TRIGGERING

_WINDSOCK = (
    Rule(
        # Down; gone from service discovery; or, where no exporter was ever scraped, known of no cluster at all.
        name="WindsockExporterDown",
        expr=(
            f"min by (cluster, instance) ({TARGETS}) == 0\n"
            f"or\n{CLUSTERS} unless group by (cluster) ({TARGETS})\n"
            f"or\nabsent({known(TARGETS, DAY)})"
        ),
        for_="1m",
        severity="critical",
        by=("cluster", "instance"),
        summary="Prometheus can't read windsock's exporter"
        "{{ with $labels.instance }} {{ . }}{{ end }}{{ with $labels.cluster }} of {{ . }}{{ end }}",
        description="What Airflow sends meanwhile is lost, and no rule that reads it can fire.",
    ),
    Rule(
        name="WindsockKernelDrops",
        expr=growth("windsock_kernel_drops_total", 15, "cluster, instance, listener") + " > 0",
        severity="warning",
        by=("cluster", "instance", "listener"),
        summary="Datagrams that the exporter of {{ $labels.cluster }} lost within 15 minutes: {{ $value }}",
        description="The receive buffer of {{ $labels.listener }} was full, and the kernel dropped them: counters are"
        " too low by what was in them.",
    ),
    Rule(
        name="WindsockDatabaseDown",
        # Of several exporters one leads and says so; those that follow say nothing.
        expr=f"max by (cluster) ({known('airflow_db_up')}) == 0",
        for_="5m",
        severity="warning",
        summary="The exporter can't read the metadata database of {{ $labels.cluster }}",
        description="What only the database knows is missing: killed tasks, late DAGs, the team of a DAG in other"
        " alerts. It does not answer, refuses the exporter's role, or is no Airflow's.",
    ),
    Rule(
        name="WindsockReconcilerStopped",
        # A pass counts for as long as the word that one is expected: while no exporter is there, another alert says so.
        expr=f"max by (cluster) ({known('windsock_reconcile_expected')}) == 1\nunless on (cluster)\n{RECONCILED}",
        for_="5m",
        severity="warning",
        summary="No reconciler of {{ $labels.cluster }} has read the metadata database for minutes",
        description="Nobody is told of a killed task, and nothing is resolved that a later run makes good.",
    ),
    Rule(
        name="WindsockReconcileWindowTooShort",
        expr=f"max by (cluster) ({known('windsock_reconcile_gap_seconds')}) > 0",
        severity="warning",
        summary="Nobody looked for failures of {{ $labels.cluster }} for {{ $value | humanizeDuration }}",
        description="The reconciler was away for longer than reconcile.window: a failure of that time which no callback"
        " reported was told to nobody.",
    ),
    Rule(
        name="Watchdog",
        expr="vector(1)",
        severity="info",
        by=(),
        summary="Prometheus evaluates rules and reaches Alertmanager",
        description="Always firing: when it stops to arrive, alerts have stopped to arrive.",
    ),
)

GROUPS = (
    FINISHING,
    FAILING,
    SUCCEEDING,
    SCHEDULING,
    RUNS,
    PARSING,
    PARSED,
    TRIGGERING,
    CAPACITY,
    READY,
    HOUSEKEEPING,
    ASSETS,
    PROMISES,
    OBJECTIVES,
    BUDGETS,
    SHIPPING,
    INTAKE,
    DELIVERY,
    MONITORS,
    Group("windsock", _WINDSOCK),
)
RULES = tuple(rule for group in GROUPS for rule in group.rules)
