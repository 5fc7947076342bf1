"""What differs between the web servers of Airflow 2.11 (Flask) and 3.x (FastAPI): what `compat` is for the plugin.

Airflow is imported inside the functions only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from windsock.teams import DagFacts


def major() -> int:
    """Airflow's major version."""
    from airflow import __version__  # noqa: PLC0415

    return int(__version__.partition(".")[0])


def base_path() -> str:
    """The path below which Airflow's web server stands, as in `/airflow`; empty for none."""
    from airflow.configuration import conf  # noqa: PLC0415

    section = "webserver" if major() == 2 else "api"
    return urlsplit(conf.get(section, "base_url", fallback="") or "").path.rstrip("/")


def database_url() -> str:
    """Airflow's own database, wherever its configuration has it from."""
    from airflow.configuration import conf  # noqa: PLC0415

    return str(conf.get("database", "sql_alchemy_conn"))


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
    try:
        return bool(_auth_manager().is_authorized_dag(method="GET", details=details, user=user))
    except AttributeError:
        # 2.11 looks up the parent of a DAG with a dot in its id, and fails where there is no such DAG (any more).
        return False


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
