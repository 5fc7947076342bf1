"""The site for Airflow 2.11's webserver, whose workers have a thread for each request."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request

from windsock.airflow import web

from .site import HEADERS, Content, problem, site

blueprint = Blueprint("windsock", __name__, url_prefix="/windsock")

_FORBIDDEN = problem(403, "Airflow does not let you see this.")


def metrics() -> Response:
    """For the token, or a user (a session, or what [api] auth_backends take) that may see the cluster's activity."""
    if not site().fits(request.headers.get("Authorization", "")):
        if not web.is_signed_in():
            return _response(problem(401, "Sign in to Airflow, or send a token."))
        if not web.may_see_cluster():
            return _response(_FORBIDDEN)
    return _response(site().metrics())


def dag(dag_id: str) -> Any:
    """For users that may see the DAG."""
    if not web.is_signed_in():
        return redirect(web.sign_in_page(request.url))
    return _response(site().dag(dag_id) if web.may_see_dag(dag_id) else _FORBIDDEN)


def overview() -> Any:
    """For every user, with the DAGs that they may see."""
    if not web.is_signed_in():
        return redirect(web.sign_in_page(request.url))
    return _response(site().overview(web.may_see_dag))


def _response(answer: Content) -> Response:
    return Response(answer.body, answer.status, HEADERS, content_type=answer.content_type)


blueprint.add_url_rule("/metrics", view_func=metrics)
blueprint.add_url_rule("/dags/<dag_id>", view_func=dag)
blueprint.add_url_rule("/", view_func=overview)
