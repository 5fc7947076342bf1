"""The site for Airflow 3's API server, which mounts it below /windsock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from windsock.airflow import web

from .site import HEADERS, Content, problem, site

if TYPE_CHECKING:
    from starlette.requests import Request

_SIGN_IN = problem(401, "Sign in to Airflow, or send a token.")
_FORBIDDEN = problem(403, "Airflow does not let you see this.")


async def _metrics(request: Request) -> Response:
    here = await run_in_threadpool(site)
    if not here.fits(request.headers.get("authorization", "")):
        user = await web.user_of(request)
        if user is None:
            return _response(_SIGN_IN)
        if not await run_in_threadpool(web.may_see_cluster, user):
            return _response(_FORBIDDEN)
    return _response(await run_in_threadpool(here.metrics))


async def _dag(request: Request) -> Response:
    user = await web.user_of(request)
    if user is None:
        return _response(_SIGN_IN)
    dag_id = request.path_params["dag_id"]
    if not await run_in_threadpool(web.may_see_dag, dag_id, user):
        return _response(_FORBIDDEN)
    return _response(await run_in_threadpool(lambda: site().dag(dag_id)))


async def _overview(request: Request) -> Response:
    user = await web.user_of(request)
    if user is None:
        return _response(_SIGN_IN)

    def may_see(dag_id: str) -> bool:
        return web.may_see_dag(dag_id, user)

    return _response(await run_in_threadpool(lambda: site().overview(may_see)))


def _response(answer: Content) -> Response:
    headers: dict[str, Any] = dict(HEADERS)
    if answer.status == _SIGN_IN.status:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(answer.body, answer.status, headers, answer.content_type)


application = Starlette(
    routes=[Route("/metrics", _metrics), Route("/dags/{dag_id}", _dag), Route("/", _overview)],
)
