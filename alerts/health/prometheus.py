"""Prometheus, as the doctor sees it: does it scrape the exporters, hold these rules, and reach Alertmanager?"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from windsock import versions
from windsock.alerts import build
from windsock.alerts.objectives import BUDGET_DAYS
from windsock.alerts.promql import JOB, SCRAPE
from windsock.doctor.finding import Finding
from windsock.doctor.server import AskingError, Server, examine_each
from windsock.events import unix
from windsock.settings.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.settings import Settings

_SHOWN = 5
_RETENTION_DAYS = 15
"""Prometheus' own default."""
_DAY = 86_400
_NEW = 60.0
"""Seconds: it learns of its targets and its Alertmanagers some seconds after it has begun to answer."""
_RELOAD_FAILED = re.compile(r"^prometheus_config_last_reload_successful 0$", re.MULTILINE)
_OF_SCHEDULERS = "airflow_scheduler_tasks_executable"
"""What each scheduler sets with each of its passes."""
_BUILD = "`windsock alerts build`, put rules.yml where Prometheus' `rule_files` says, and let it read it: kill -HUP."


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of each of `prometheus.urls`. Raises SettingsError for a secret that can't be had here."""
    return examine_each(
        settings.prometheus,
        "prometheus",
        lambda server: _Prometheus(server, settings).findings(),
        none="No Prometheus is named.",
        mend="Start it, or mend prometheus.urls and prometheus.http: without it no rule fires.",
    )


class _Prometheus:
    """One server, asked with everything that the settings promise of it."""

    def __init__(self, server: Server, settings: Settings) -> None:
        self._server = server
        self._settings = settings

    def findings(self) -> Iterator[Finding]:
        """Raises AskingError."""
        version = versions.said(self._get("/api/v1/status/buildinfo").get("version"))
        yield from self._version(version)
        yield from self._targets()
        yield from self._rules()
        yield from self._reload()
        yield from self._alertmanagers()
        yield from self._retention()
        yield from self._server.clock("prometheus.clock")

    def _version(self, version: str | None) -> Iterator[Finding]:
        if version is None or not versions.at_least(version, versions.PROMETHEUS):
            yield self._bad(
                "version",
                "warning",
                f"It is {version or 'of no version that it names'}, older than {versions.PROMETHEUS}.",
                "Upgrade it: the rules are tested from that version on.",
            )
            return
        made_for = self._settings.prometheus.version
        if made_for != versions.AUTO and not versions.at_least(version, made_for):
            yield self._bad(
                "version",
                "critical",
                f"It is {version}, and prometheus.version says {made_for}: it may refuse rules.yml.",
                f'Set prometheus.version: "{version}", and build the rules again.',
            )

    def _targets(self) -> Iterator[Finding]:
        found = self._get("/api/v1/targets", state="active").get("activeTargets") or ()
        ours = [one for one in found if one.get("labels", {}).get("job") == JOB]
        if not ours and self._will_have(f"job_name: {JOB}\n"):
            yield self._too_early("targets")
            return
        if not ours:
            exporters = {one["metric"].get("job") for one in self._query("group by (job) (windsock_build_info)")}
            jobs = ", ".join(sorted(exporters & {one.get("labels", {}).get("job") for one in found}))
            yield self._bad(
                "targets",
                "critical",
                f"The exporter is scraped by the job {jobs}, which no rule reads."
                if jobs
                else f"It has no scrape job {JOB}, so it knows nothing of Airflow.",
                f"Call the job {JOB} in prometheus.yml, with the exporter's address as target.",
            )
            return
        cluster = self._settings.cluster
        clusters = {str(one["labels"].get("cluster", "")) for one in ours}
        if cluster not in clusters:
            named = ", ".join(sorted(filter(None, clusters)))
            yield self._bad(
                "cluster",
                "critical",
                f"No target of the job {JOB} has the label cluster={cluster!r}"
                + (f"; there is {named}." if named else "; they have none."),
                "Give the targets in prometheus.yml the name that windsock.yaml gives: rules, boards and messages"
                " of the two don't come together without.",
            )
        for one in ours:
            yield from self._target(one)
        yield from self._scraped([one for one in ours if one.get("health") == "up"])

    def _target(self, target: dict[str, Any]) -> Iterator[Finding]:
        url = target.get("scrapeUrl", "?")
        if target.get("health") == "down":
            yield self._bad(
                "scrape",
                "critical",
                f"It can't scrape {url}: {target.get('lastError', '')}.",
                "Start that exporter, or mend its address, its log-in and its certificate in prometheus.yml.",
            )
        # Named from 2.27 on.
        interval = _seconds(target.get("scrapeInterval"))
        if interval > SCRAPE:
            yield self._bad(
                "interval",
                "warning",
                f"It scrapes {url} every {interval:g} s.",
                f"Set scrape_interval to {SCRAPE} s or less: the windows of the rules are made for that.",
            )

    def _scraped(self, targets: list[dict[str, Any]]) -> Iterator[Finding]:
        """Whether what answers is an exporter, each once, and all that it says is kept."""
        known = self._by_instance("windsock_build_info")
        for one in targets:
            if one["labels"].get("instance") not in known:
                yield self._bad(
                    "targets",
                    "critical",
                    f"{one.get('scrapeUrl', '?')} is scraped by the job {JOB}, and is no exporter of windsock.",
                    "Name the exporter as target in prometheus.yml, and let no relabelling drop windsock_build_info.",
                )
        exporters = len(self._settings.doctor.exporters)
        if known and len(known) < exporters:
            yield self._bad(
                "targets",
                "warning",
                f"It scrapes {len(known)} of the {exporters} exporters that doctor.exporters names.",
                f"Name all of them as targets of the job {JOB}.",
            )
        started = self._by_instance("process_start_time_seconds")
        same = sorted(name for name in known if list(started.values()).count(started.get(name, "")) > 1)
        if same:
            yield self._bad(
                "twice",
                "warning",
                f"One exporter is scraped as {' and as '.join(same)}: what rules add up counts twice.",
                "Name it once in prometheus.yml.",
            )
        yield from self._parts()
        scraped, kept = map(self._by_instance, ("scrape_samples_scraped", "scrape_samples_post_metric_relabeling"))
        for name in known:
            if int(kept.get(name, "0")) < int(scraped.get(name, "0")):
                yield self._bad(
                    "relabel",
                    "warning",
                    f"Of {scraped[name]} samples of {name} it keeps {kept[name]}: metric_relabel_configs drop some.",
                    "Drop nothing that rules and boards read.",
                )

    def _parts(self) -> Iterator[Finding]:
        """Whether several exporters of a cluster have a component each, and understand their lines alike."""
        for cluster, number in self._more_than_one(f'{_OF_SCHEDULERS}{{job="{JOB}"}}', "instance").items():
            yield self._bad(
                "spread",
                "warning",
                f"{number} exporters of {cluster} hear schedulers: what each says of queues and slots is a part of it,"
                " and boards show the larger one.",
                "Let all schedulers send to one exporter, and no load balancer spread StatsD over several.",
            )
        majors = f'windsock_airflow_version_info{{job="{JOB}",major!=""}}'
        for cluster in self._more_than_one(majors, "major"):
            yield self._bad(
                "airflows",
                "warning",
                f"Exporters of {cluster} take what they hear for that of different Airflows, and its times for other"
                " units.",
                "Set exporter.statsd.airflow to the major version, at each of them.",
            )

    def _more_than_one(self, series: str, label: str) -> dict[str, str]:
        """By cluster: how many values the label has, where it is more than one."""
        found = self._query(f"count by (cluster) (group by (cluster, {label}) ({series})) > 1")
        return {one["metric"].get("cluster", ""): one["value"][1] for one in found}

    def _by_instance(self, name: str) -> dict[str, str]:
        """The value of one of the job's series, by target."""
        found = self._query(f'{name}{{job="{JOB}"}}')
        return {one["metric"].get("instance", ""): one["value"][1] for one in found}

    def _reload(self) -> Iterator[Finding]:
        """Whether what stands in its files is in force. Those who have no /metrics here say nothing of it."""
        try:
            failed = _RELOAD_FAILED.search(self._server.text("/metrics"))
        except AskingError:
            return
        if failed:
            yield self._bad(
                "reload",
                "warning",
                "It could not read its files when it was told to, and goes on with what they said before.",
                "`promtool check config prometheus.yml` says what is wrong with them.",
            )

    def _rules(self) -> Iterator[Finding]:
        groups = self._get("/api/v1/rules").get("groups") or ()
        rules = [(group, rule) for group in groups for rule in group.get("rules", ())]
        ours = {group["name"]: group for group in build.groups(self._settings)}
        infos = [rule["labels"] for _, rule in rules if rule.get("name") == build.RULES_INFO]
        wanted = build.digest(self._settings)
        if not infos:
            yield self._bad("rules", "critical", "windsock's rules are not loaded.", _BUILD)
        elif all(info.get("digest") != wanted for info in infos):
            other = ", ".join(sorted({str(info.get("version")) for info in infos}))
            yield self._bad(
                "rules",
                "warning",
                f"Its rules, made by windsock {other}, are not what this windsock makes of this windsock.yaml.",
                f"Build them again: {_BUILD}",
            )
        else:
            made = {rule.get("alert") or rule.get("record") for group in ours.values() for rule in group["rules"]}
            lacking = sorted(map(str, made - {rule.get("name") for _, rule in rules}))
            if lacking:
                shown = ", ".join(lacking[:_SHOWN]) + (f" and {len(lacking) - _SHOWN} more" * (len(lacking) > _SHOWN))
                yield self._bad("rules", "critical", f"Of windsock's rules these are not loaded: {shown}.", _BUILD)
        for group, rule in rules:
            if rule.get("health") == "err" and group.get("name") in ours:
                yield self._bad(
                    "rule",
                    "critical",
                    f"The rule {rule.get('name')} can't be evaluated: {rule.get('lastError', '')}.",
                    "Look for series that stand twice, and for a limit that Prometheus has.",
                )
        for group in groups:
            took, interval = float(group.get("evaluationTime") or 0), float(group.get("interval") or 0)
            if interval and took > interval and group.get("name") in ours:
                yield self._bad(
                    "slow",
                    "critical",
                    f"The rules {group['name']} take {took:.1f} s, and are due every {interval:g} s: alerts come late.",
                    "Give Prometheus more of a processor, or a longer evaluation_interval.",
                )
            if group.get("name") in ours and interval > max(SCRAPE, _seconds(ours[group["name"]].get("interval"))):
                yield self._bad(
                    "interval",
                    "warning",
                    f"It looks at the rules {group['name']} every {interval:g} s only: alerts come that late.",
                    f"Set evaluation_interval to {SCRAPE} s or less.",
                )

    def _alertmanagers(self) -> Iterator[Finding]:
        known, named = self._get("/api/v1/alertmanagers").get("activeAlertmanagers"), self._settings.alertmanager.urls
        if known and len(known) < len(named):
            yield self._bad(
                "alertmanagers",
                "warning",
                f"It tells {len(known)} of the {len(named)} Alertmanagers that alertmanager.urls names.",
                "Name all of them in prometheus.yml: they tell each other what they have sent, not what they heard.",
            )
        if not known and self._will_have("alertmanagers:\n"):
            yield self._too_early("alertmanagers")
        elif not known:
            yield self._bad(
                "alertmanagers",
                "critical",
                "It knows no Alertmanager, so what its rules find reaches nobody.",
                "Name yours in prometheus.yml: `alerting: {alertmanagers: [{static_configs: [{targets: […]}]}]}`.",
            )

    def _retention(self) -> Iterator[Finding]:
        """Whether budgets see all of their four weeks. Flags are none of VictoriaMetrics, Thanos or Mimir."""
        if not self._settings.slo:
            return
        try:
            flags = self._get("/api/v1/status/flags")
        except AskingError:
            return
        size = flags.get("storage.tsdb.retention.size", "0B")
        # Neither of them set is its default.
        days = _seconds(flags.get("storage.tsdb.retention.time")) / _DAY or (0 if size != "0B" else _RETENTION_DAYS)
        if 0 < days < BUDGET_DAYS:
            yield self._bad(
                "retention",
                "warning",
                f"It keeps {days:g} days, and an error budget is one of {BUDGET_DAYS}: what broke before is forgiven.",
                f"Start it with --storage.tsdb.retention.time={BUDGET_DAYS + 2}d.",
            )

    def _will_have(self, configured: str) -> bool:
        """Whether its file names it, and it was started a moment ago; others than Prometheus say neither."""
        try:
            started = unix(str(self._get("/api/v1/status/runtimeinfo").get("startTime")))
            text = str(self._get("/api/v1/status/config").get("yaml"))
        except (AskingError, ValueError):
            return False
        return configured in text and time.time() - started < _NEW

    def _too_early(self, what: str) -> Finding:
        return self._bad(what, "unseen", "It was started a moment ago, and knows none yet.", "Ask again in a minute.")

    def _query(self, expr: str) -> list[dict[str, Any]]:
        found = self._get("/api/v1/query", query=expr).get("result")
        return found if isinstance(found, list) else []

    def _get(self, path: str, **query: str) -> dict[str, Any]:
        """The answer's data. Raises AskingError."""
        answer = self._server.json(path, **query)
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise AskingError(f"It answers at {path} what no Prometheus answers")
        return data

    def _bad(self, what: str, grade: Any, found: str, mend: str) -> Finding:
        return Finding(f"prometheus.{what}", grade, found, mend, self._server.name)


def _seconds(text: object) -> float:
    try:
        return parse_duration(text)
    except ValueError:
        return 0.0
