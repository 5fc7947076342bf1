"""What differs between the Airflow versions that windsock runs in (2.11 and 3.x); no other module asks for a version.

Airflow is imported inside the functions only: most of windsock runs where there is none.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.teams import DagFacts

_MASKERS = (
    "airflow.sdk._shared.secrets_masker",  # 3.1 and later: what the task SDK has read
    "airflow._shared.secrets_masker",  # 3.1 and later: what the core has read, in the dag processor
    "airflow.sdk.execution_time.secrets_masker",  # 3.0
    "airflow.utils.log.secrets_masker",  # 2.11
)


def read(thing: Any, name: str) -> Any:
    """Return an attribute of one of Airflow's objects, or None where it can't be had.

    The task instance of a killed task has no `start_date` in 3.x (it is built without validation), and in 2.11 an
    object that has lost its database session raises DetachedInstanceError for what it had not loaded.
    """
    try:
        return getattr(thing, name)
    except Exception:  # noqa: BLE001  any property of Airflow's may raise anything; a missing fact is no error
        return None


def exception(context: Mapping[str, Any]) -> BaseException | str | None:
    """Return what the task failed of; None where its process had no chance to say.

    3.x leaves the key out for a killed task, 2.11 puts the heartbeat's report there: the text of a dict.
    """
    value = context.get("exception")
    if isinstance(value, str) and value.startswith("{'DAG Id': "):
        return None
    return value if isinstance(value, (BaseException, str)) else None


def is_dag_level(context: Mapping[str, Any]) -> bool:
    """Whether a DAG's own callback was called, not a task's.

    Both get a task instance. Only the DAG's context has a `reason`; a task's may have one by chance, since a Python
    task's arguments are put into its context, but then it has run, and so it has an `exception`.
    """
    return context.get("task_instance") is None or ("reason" in context and "exception" not in context)


def failed_task(context: Mapping[str, Any]) -> Any:
    """Return the task instance that made the run fail, for a DAG-level context; None where Airflow does not say.

    3.x hands over the latest failed one, without its state, when the reason is `task_failure`; 2.11 hands over any
    one of the run, with its state.
    """
    instance = context.get("task_instance")
    state = read(instance, "state")
    failed = state is None or str(getattr(state, "value", state)) == "failed"
    return instance if context.get("reason") == "task_failure" and failed else None


def run_page(log_url: str) -> str:
    """Return the run's page, from the link to a log in it: 3.x …/runs/R/tasks/T, 2.11 …/grid?dag_run_id=R&task_id=T."""
    return log_url.partition("/tasks/")[0].partition("&task_id=")[0] if log_url else ""


def mask(text: str) -> str:
    """Let Airflow's own masker work on `text`: it knows the connections and variables that this process has read.

    Each copy of it knows what was read through that copy, and one that was never imported knows nothing.
    """
    for name in _MASKERS:
        module = sys.modules.get(name)
        if module is not None:
            try:
                text = str(module.redact(text))
            except Exception:  # noqa: BLE001, S112  2.11's raises where Airflow's logging is not set up
                continue
    return text


def count(metric: str, tags: Mapping[str, str]) -> None:
    """Add 1 to a counter through Airflow's own StatsD client: with its address, prefix and dialect.

    The plain dialect sends no tags: there the values follow the name, in the order of `tags`, as in
    `windsock.callback.sent.AirflowTaskFailed.my.dag`; a value with dots comes last. Raises what Airflow raises, and
    ImportError where there is no Airflow.
    """
    try:
        from airflow.sdk.configuration import conf  # noqa: PLC0415  only where something failed
        from airflow.sdk.observability.stats import Stats  # noqa: PLC0415  3.2 and later
    except ImportError:
        from airflow.configuration import conf  # noqa: PLC0415
        from airflow.stats import Stats  # noqa: PLC0415  up to 3.1

    if _tagged(conf):
        Stats.incr(metric, tags=dict(tags))
    else:
        Stats.incr(".".join((metric, *tags.values())))


# What windsock.metrics and the plugin need.


def plugin_base() -> type:
    """The class that a plugin derives from, of the package that this process has already imported.

    From 3.2 a task's process has only the SDK's, whose twin in the core would cost it the import of the core.
    """
    loaded = sys.modules.get("airflow.sdk.plugins_manager")
    if loaded is not None:
        return cast("type", loaded.AirflowPlugin)
    from airflow.plugins_manager import AirflowPlugin  # noqa: PLC0415

    return cast("type", AirflowPlugin)


def running_task() -> tuple[DagFacts, str]:
    """The DAG and the task id of the task that this process runs, without its database. Raises RuntimeError outside."""
    try:
        from airflow.sdk import get_current_context  # noqa: PLC0415  3.x
    except ImportError:
        from airflow.operators.python import get_current_context  # noqa: PLC0415  2.11
    from windsock.teams import DagFacts, owners_of  # noqa: PLC0415  not in every process that loads the plugin

    context = get_current_context()
    task = context["task"]
    dag = read(task, "dag") or context.get("dag")
    tags = tuple(sorted(map(str, read(dag, "tags") or ())))
    return DagFacts(str(dag.dag_id), owners_of(read(dag, "owner")), tags), str(task.task_id)


def statsd_off() -> str:
    """Why no metric of this process arrives anywhere; empty where they do."""
    conf = _configuration()
    if conf.getboolean("metrics", "statsd_datadog_enabled", fallback=False):
        package = "datadog"
    elif conf.getboolean("metrics", "statsd_on", fallback=False):
        package = "statsd"
    elif conf.getboolean("metrics", "otel_on", fallback=False):
        return ""
    else:
        return "Airflow's [metrics] statsd_on is off"
    return "" if importlib.util.find_spec(package) else f"the package {package} is not installed here"


def send(kind: Literal["count", "gauge", "timing"], metric: str, value: float, tags: Mapping[str, str]) -> None:
    """Send one value through Airflow's own StatsD client: with its address, prefix and dialect; times in milliseconds.

    The plain dialect sends no tags: there all values of `tags` follow the name, in their order, an empty one as
    `none`; what may have dots comes last. Raises what Airflow raises.
    """
    call = getattr(_stats(), {"count": "incr"}.get(kind, kind))
    if _tagged(_configuration()):
        call(metric, value, tags={name: text for name, text in tags.items() if text})
    else:
        call(".".join((metric, *(text or "none" for text in tags.values()))), value)


def _configuration() -> Any:
    if "airflow.sdk.configuration" in sys.modules:
        return sys.modules["airflow.sdk.configuration"].conf
    from airflow.configuration import conf  # noqa: PLC0415

    return conf


def _stats() -> Any:
    """The client that this process has set up: from 3.2 the SDK's in a task, the core's in the other components."""
    if "airflow.sdk.execution_time.task_runner" in sys.modules:
        try:
            from airflow.sdk.observability.stats import Stats  # noqa: PLC0415
        except ImportError:
            pass  # 3.0 and 3.1 have one for all
        else:
            return Stats
    try:
        from airflow.observability.stats import Stats  # noqa: PLC0415  3.2 and later
    except ImportError:
        from airflow.stats import Stats  # noqa: PLC0415  up to 3.1
    return Stats


def _tagged(conf: Any) -> bool:
    """Whether the dialect that is configured carries tags."""
    if conf.getboolean("metrics", "statsd_datadog_enabled", fallback=False):
        return bool(conf.getboolean("metrics", "statsd_datadog_metrics_tags", fallback=True))
    if conf.getboolean("metrics", "statsd_on", fallback=False):
        return bool(conf.getboolean("metrics", "statsd_influxdb_enabled", fallback=False))
    return True  # OpenTelemetry, or nothing that listens


def major() -> int:
    """Airflow's major version."""
    from airflow import __version__  # noqa: PLC0415

    return int(__version__.partition(".")[0])


def base_path() -> str:
    """The path below which Airflow's web server stands, as in `/airflow`; empty for none."""
    section = "webserver" if major() == 2 else "api"
    return urlsplit(_configuration().get(section, "base_url", fallback="") or "").path.rstrip("/")


def database_url() -> str:
    """Airflow's own database, wherever its configuration has it from."""
    return str(_configuration().get("database", "sql_alchemy_conn"))


def dag_facts(dag_id: str) -> DagFacts | None:
    """A DAG's owners and tags, from Airflow's database: in a web server only. None for a DAG that there is not."""
    from airflow.models.dag import DagModel  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    from windsock.teams import DagFacts, owners_of  # noqa: PLC0415

    with create_session() as session:
        found = session.get(DagModel, dag_id)
        if found is None:
            return None
        return DagFacts(dag_id, owners_of(found.owners), tuple(sorted(tag.name for tag in found.tags)))


async def user_of(request: Any) -> Any:
    """The user of 3.x that sent this (Starlette) request: a bearer token, or the UI's cookie; None for nobody."""
    from airflow.api_fastapi.app import get_auth_manager  # noqa: PLC0415

    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    token = credentials if scheme.lower() == "bearer" else request.cookies.get("_token")
    if not token:
        return None
    try:
        return await get_auth_manager().get_user_from_token(token)
    except Exception:  # noqa: BLE001  each auth manager has errors of its own: whoever it does not know is nobody
        return None


def is_signed_in() -> bool:
    """2.11: whether a user sent the request that Flask is at, by session or by what [api] auth_backends take."""
    from airflow.api_connexion.exceptions import Unauthenticated  # noqa: PLC0415
    from airflow.api_connexion.security import check_authentication  # noqa: PLC0415

    if _auth_manager().is_logged_in():
        return True
    try:
        check_authentication()
    except Unauthenticated:
        return False
    return True


def sign_in_page(back: str) -> str:
    """2.11: where to sign in and come back from."""
    return str(_auth_manager().get_url_login(next_url=back))


def may_see_cluster(user: Any = None) -> bool:
    """Whether this user (2.11: the request's) may see the cluster's activity."""
    details = _resource_details()
    return bool(_auth_manager().is_authorized_view(access_view=details.AccessView.CLUSTER_ACTIVITY, user=user))


def may_see_dag(dag_id: str, user: Any = None) -> bool:
    """Whether this user (2.11: the request's) may see a DAG."""
    details = _resource_details().DagDetails(id=dag_id)
    return bool(_auth_manager().is_authorized_dag(method="GET", details=details, user=user))


def _auth_manager() -> Any:
    try:
        from airflow.api_fastapi.app import get_auth_manager  # noqa: PLC0415  3.x
    except ImportError:
        from airflow.www.extensions.init_auth_manager import get_auth_manager  # noqa: PLC0415  2.11
    return get_auth_manager()


def _resource_details() -> Any:
    try:
        from airflow.api_fastapi.auth.managers.models import resource_details  # noqa: PLC0415  3.x
    except ImportError:
        from airflow.auth.managers.models import resource_details  # noqa: PLC0415  2.11
    return resource_details
