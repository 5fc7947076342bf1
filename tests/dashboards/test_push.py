"""`windsock dashboards push`, against what stands for Grafana."""

from __future__ import annotations

import json
from functools import cache

import pytest
from click.testing import CliRunner
from real.boards import UIDS
from real.grafana import TOKEN, Grafana, answer

from windsock.cli import windsock
from windsock.dashboards import build
from windsock.exceptions import SettingsError, UsageError, WindsockError
from windsock.settings import Settings

BUILD = build.files
UID = "windsock-overview"
TITLE = "Airflow overview"


@pytest.fixture
def grafana():
    running = Grafana()
    running.start()
    yield running
    running.close()


@cache
def built(settings: str) -> dict[str, str]:
    return BUILD(Settings.model_validate_json(settings))


@pytest.fixture
def push(monkeypatch, tmp_path, grafana):
    monkeypatch.chdir(tmp_path)
    # Each of dozens of pushes would build all dashboards anew.
    monkeypatch.setattr(build, "files", lambda settings: built(settings.model_dump_json(include={"links", "cluster"})))
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)

    def run(*options: str, grafana=grafana.url):
        where = ["--grafana", grafana] if grafana else []
        return CliRunner().invoke(windsock, ["dashboards", "push", *where, *options])

    return run


def said(result) -> str:
    assert isinstance(result.exception, WindsockError), result.output
    assert result.exception.exit_code == 1
    assert TOKEN not in result.output + str(result.exception)
    return str(result.exception)


def test_everything_is_there_afterwards_and_in_its_folder(push, grafana):
    result = push()
    assert result.exit_code == 0
    assert "created    Airflow (folder-0): the folder\n" in result.output
    assert f"created    {TITLE} ({UID})\n" in result.output
    assert sorted(grafana.boards) == sorted(UIDS)
    assert grafana.folders == {"folder-0": "Airflow"}
    assert {one["folder"] for one in grafana.boards.values()} == {"folder-0"}
    stored = grafana.boards[UID]["dashboard"]
    wanted = next(json.loads(text) for text in BUILD().values() if json.loads(text)["uid"] == UID)
    assert stored["panels"] == wanted["panels"]
    assert stored["description"].startswith(wanted["description"])
    assert {post["overwrite"] for post in grafana.posts} == {False}


def test_what_is_there_is_not_sent_again(push, grafana):
    push()
    grafana.posts.clear()
    result = push()
    assert result.exit_code == 0
    assert f"unchanged  {TITLE} ({UID})\n" in result.output
    assert grafana.posts == []
    assert grafana.boards[UID]["dashboard"]["version"] == 1


def test_a_new_build_is_an_update_and_says_what_changed(push, grafana, tmp_path):
    push()
    (tmp_path / "windsock.yaml").write_text("links: {airflow: https://airflow.example.org}\n")
    result = push()
    assert result.exit_code == 0
    assert f"updated    {TITLE} ({UID})\n    " in result.output
    assert "https://airflow.example.org" in result.output
    assert grafana.boards[UID]["dashboard"]["version"] == 2
    grafana.posts.clear()
    push()
    assert grafana.posts == []


def test_what_somebody_changed_stays_and_is_shown(push, grafana):
    push()
    grafana.edit(UID, title="Mine now")
    result = push()
    assert "1 dashboards were not pushed" in said(result)
    assert "it was changed in Grafana (version 2: alice, 2026-11-28T12:00:00Z); --force overwrites it" in result.output
    assert '    - title: "Mine now"\n' in result.output
    assert f'    + title: "{TITLE}"\n' in result.output
    assert grafana.boards[UID]["dashboard"]["title"] == "Mine now"


def test_the_others_are_pushed_all_the_same(push, grafana):
    push()
    grafana.edit(UID, title="Mine now")
    for uid in set(UIDS) - {UID}:
        del grafana.boards[uid]
    said(push())
    assert sorted(grafana.boards) == sorted(UIDS)


def test_a_change_that_keeps_the_fingerprint_in_the_description_is_seen(push, grafana):
    push()
    panels = grafana.boards[UID]["dashboard"]["panels"]
    shown = next(panel for panel in panels if panel["type"] != "row")["title"]
    grafana.edit(UID, panels=[panel for panel in panels if panel["title"] != shown])
    result = push()
    said(result)
    assert f"    + panels[{shown}]." in result.output


def test_a_dashboard_that_windsock_never_pushed_is_somebody_elses(push, grafana):
    grafana.folders["f"] = "Airflow"
    grafana.boards[UID] = {"dashboard": {"uid": UID, "title": "Handmade", "version": 7, "id": 1}, "folder": "f"}
    said(push())
    assert grafana.boards[UID]["dashboard"]["title"] == "Handmade"


def test_force_overwrites_it_and_it_is_windsocks_again(push, grafana, tmp_path):
    push()
    grafana.edit(UID, title="Mine now")
    assert push("--force").exit_code == 0
    assert grafana.boards[UID]["dashboard"]["title"] == TITLE
    assert {post["overwrite"] for post in grafana.posts} == {False}
    (tmp_path / "windsock.yaml").write_text("links: {airflow: https://airflow.example.org}\n")
    assert push().exit_code == 0


def test_a_save_between_reading_and_storing_is_not_overwritten_even_with_force(push, grafana, monkeypatch):
    push()
    grafana.edit(UID, title="Mine now")
    store = grafana._store

    def slower(body):
        grafana.edit(body["dashboard"]["uid"], title="And now again")
        return store(body)

    monkeypatch.setattr(grafana, "_store", slower)
    result = push("--force")
    said(result)
    assert "somebody changed it in Grafana this very moment" in result.output
    assert grafana.boards[UID]["dashboard"]["title"] == "And now again"


def test_another_dashboard_of_the_same_title_is_never_replaced(push, grafana):
    grafana.folders["f"] = "Airflow"
    grafana.boards["theirs"] = {"dashboard": {"uid": "theirs", "title": TITLE, "version": 1, "id": 1}, "folder": "f"}
    for options in ((), ("--force",)):
        result = push(*options)
        said(result)
        assert f"another dashboard of the folder is called '{TITLE}'" in result.output
    assert grafana.boards["theirs"]["dashboard"] == {"uid": "theirs", "title": TITLE, "version": 1, "id": 1}
    assert UID not in grafana.boards


def test_a_provisioned_dashboard_is_left_to_its_file(push, grafana):
    push()
    grafana.boards[UID]["provisioned"] = True
    assert push().exit_code == 0
    grafana.edit(UID, title="From a file")
    for options in ((), ("--force",)):
        result = push(*options)
        said(result)
        assert "it comes from a file of Grafana's provisioning" in result.output


def test_a_dashboard_in_another_folder_is_moved_by_force_only(push, grafana):
    push()
    result = push("--folder", "Elsewhere")
    said(result)
    assert "it is in the folder 'Airflow'; --force moves it" in result.output
    assert push("--folder", "Elsewhere", "--force").exit_code == 0
    assert grafana.folders[grafana.boards[UID]["folder"]] == "Elsewhere"


def test_a_folder_is_found_by_its_uid_and_among_thousands(push, grafana):
    grafana.folders = {f"f{number}": f"Folder {number}" for number in range(1500)}
    assert push("--folder", "Folder 1400").exit_code == 0
    assert push("--folder", "f1400").exit_code == 0
    assert {one["folder"] for one in grafana.boards.values()} == {"f1400"}
    assert len(grafana.folders) == 1500


def test_two_folders_of_one_title_are_told_apart_by_the_user(push, grafana):
    grafana.folders = {"a": "Airflow", "b": "Airflow"}
    assert "give the uid: a, b" in said(push())
    assert push("--folder", "b").exit_code == 0


def test_the_general_folder_has_no_uid(push, grafana):
    assert push("--folder", "General").exit_code == 0
    assert grafana.folders == {}
    assert "unchanged" in push("--folder", "General").output


def test_a_folder_that_somebody_makes_at_the_same_time_is_used(push, grafana):
    grafana.says["GET /api/folders"] = [answer(200, []), answer(200, [{"uid": "theirs", "title": "Airflow"}])]
    grafana.folders["theirs"] = "Airflow"
    assert push().exit_code == 0
    assert {one["folder"] for one in grafana.boards.values()} == {"theirs"}


def test_a_dry_run_changes_nothing_and_says_what_would_be_done(push, grafana):
    result = push("--dry-run")
    assert result.exit_code == 0
    assert f"would be created   {TITLE} ({UID})" in result.output
    assert "would be created   Airflow" in result.output
    assert grafana.boards == grafana.folders == {}
    push()
    grafana.posts.clear()
    grafana.edit(UID, title="Mine now")
    assert "would not be pushed" in said(push("--dry-run"))
    assert push("--dry-run", "--force").exit_code == 0
    assert grafana.posts == []


def test_a_long_difference_is_cut_and_no_secret_or_control_character_is_shown(push, grafana):
    push()
    board = dict(grafana.boards[UID]["dashboard"])
    secret = "AKIAIOSFODNN7EXAMPLE"
    text = f"\x1b[31mpassword: {secret}"
    grafana.edit(UID, panels=[], note=text, links=[{"title": f"{n}"} for n in range(60)] + board["links"])
    result = push()
    said(result)
    assert " lines more\n" in result.output
    assert result.output.count("\n") < 60 + len(UIDS)
    assert max(map(len, result.output.splitlines())) <= 170
    grafana.edit(UID, note=text, panels=board["panels"], links=board["links"])
    result = push()
    assert "note" in result.output
    assert secret not in result.output
    assert "\x1b" not in result.output


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (answer(401, {"message": "Invalid API key"}), "HTTP 401: Invalid API key; the token is not accepted"),
        (answer(403, {"message": "Permission denied"}), "HTTP 403: Permission denied; the token may not do this"),
        (answer(404, b"<html>nothing here</html>"), "HTTP 404; is this the address of Grafana"),
        (answer(302, location="/login?token=glpat-abcdefghij1234567890"), "HTTP 302; it sends elsewhere: /login"),
        (answer(500, {"message": "database is locked"}), "HTTP 500: database is locked"),
        (answer(200, b"<html>log in</html>"), "no answer of Grafana's API, but: <html>log in</html>"),
        (answer(200, {"not": "a list"}), "no answer of Grafana's API"),
        (answer(200, b""), "no answer of Grafana's API"),
        (answer(429, {"message": "slow down"}, retry_after="0"), "HTTP 429: slow down"),
    ],
)
def test_a_grafana_that_lets_nobody_in_is_one_message(push, grafana, says, expected):
    grafana.says["GET /api/folders"] = [says]
    message = said(push())
    assert message.startswith(f"{grafana.url}: ")
    assert expected in message
    assert "glpat" not in message
    assert "\n" not in message
    assert grafana.posts == []


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (answer(403, {"message": "no right"}), "HTTP 403: no right; the token may not do this"),
        (answer(400, {"message": "Cannot save provisioned dashboard"}), "HTTP 400: Cannot save provisioned dashboard"),
        (answer(412, {"status": "plugin-dashboard", "message": "of a plugin"}), "HTTP 412: of a plugin"),
        (answer(500, b"\xff\x00 boom"), "HTTP 500"),
        (answer(299, {"status": "success"}), "HTTP 299"),
        (answer(200, {"status": "?"}), "HTTP 200"),
    ],
)
def test_a_dashboard_that_is_not_taken_is_named_with_the_reason(push, grafana, says, expected):
    grafana.says["POST /api/dashboards/db"] = [says]
    result = push()
    assert f"{len(UIDS)} dashboards were not pushed" in said(result)
    assert result.output.count("refused    ") == len(UIDS)
    assert f"({UID}): {expected}" in result.output


def test_a_busy_grafana_is_asked_again(push, grafana):
    busy = [answer(429, retry_after="0"), answer(503, retry_after="0")]
    grafana.says["GET /api/folders"] = [*busy, answer(200, [{"uid": "f", "title": "Airflow"}])]
    assert push().exit_code == 0
    assert sorted(grafana.boards) == sorted(UIDS)


@pytest.mark.parametrize("body", [b"[]", b'{"dashboard": {}, "meta": {}}', b'{"dashboard": 1}', b"nonsense"])
def test_garbage_in_place_of_a_dashboard_ends_it(push, grafana, body):
    grafana.says["GET /api/dashboards/uid"] = [answer(200, body)]
    assert "no dashboard of Grafana's API" in said(push())


@pytest.mark.parametrize("where", ["GET /api/folders", "GET /api/dashboards", "POST /api/dashboards"])
def test_a_grafana_that_hangs_does_not_hang_windsock(push, grafana, where):
    grafana.hangs = where
    message = said(push("--timeout", "0.5"))
    assert "no answer within 0.5 s" in message
    assert ("push again" in message) == where.startswith("POST")


def test_nobody_there_is_one_message(push):
    assert "ConnectionRefusedError" in said(push(grafana="http://127.0.0.1:1"))


def test_where_grafana_is_and_its_token_come_from_the_configuration(push, grafana, tmp_path, monkeypatch):
    assert isinstance(push(grafana="").exception, UsageError)
    monkeypatch.delenv("GRAFANA_TOKEN")
    result = push()
    assert isinstance(result.exception, SettingsError)
    assert "GRAFANA_TOKEN is not set; grafana.http.bearer names it" in str(result.exception)
    (tmp_path / "windsock.yaml").write_text(
        f"links: {{grafana: {grafana.url}}}\ngrafana: {{folder: Data, http: {{bearer: '${{OTHER}}'}}}}\n"
    )
    monkeypatch.setenv("OTHER", TOKEN)
    assert push(grafana="").exit_code == 0
    assert list(grafana.folders.values()) == ["Data"]
