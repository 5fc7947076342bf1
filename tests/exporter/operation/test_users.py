"""Basic authentication, by `basic_auth_users` of the web configuration file."""

from __future__ import annotations

import pytest
import requests

from windsock.exporter.web import users


class TestUsers:
    @pytest.fixture
    def service(self, serve, web_file, hashed):
        passwords = {"alice": hashed("wonder:land"), "bob": hashed("b" * 72, 5), "käthe": hashed("ä")}
        lines = "".join(f"  {name}: {text}\n" for name, text in passwords.items())
        return serve(web={"config_file": web_file(f"basic_auth_users:\n{lines}")})

    @pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/nowhere"])
    def test_strangers_get_nothing(self, path, service, get):
        answer = get(service, path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="windsock"'
        assert answer.text == "who are you?\n"

    def test_nor_may_they_reload(self, service, get):
        url = service.web.url.replace("/metrics", "/-/reload")
        assert requests.post(url, timeout=60).status_code == 401
        assert requests.post(url, timeout=60, auth=("alice", "wonder:land")).status_code == 200

    @pytest.mark.parametrize(("name", "password"), [("alice", "wonder:land"), ("bob", "b" * 80)])
    def test_users_are_let_in(self, name, password, service, get):
        assert get(service, auth=(name, password)).ok

    def test_names_and_passwords_may_hold_any_letter(self, service, get):
        assert get(service, auth=("käthe".encode(), "ä".encode())).ok

    @pytest.mark.parametrize(
        "authorization",
        [
            "Basic YWxpY2U6d29uZGVyOmxhbmRz",
            "Basic !",
            "Basic YQ",
            "Bearer YWxpY2U6d29uZGVyOmxhbmQ=",
            "Basic",
            "x" * 5000,
        ],
    )
    def test_all_others_are_not(self, authorization, service, get):
        assert get(service, headers={"Authorization": authorization}).status_code == 401

    def test_one_user_does_not_have_the_password_of_another(self, service, get):
        assert get(service, auth=("bob", "wonder:land")).status_code == 401
        assert get(service, auth=("nobody", "wonder:land")).status_code == 401

    def test_a_password_is_hashed_once(self, monkeypatch, service, get):
        asked = []
        real = users.bcrypt.checkpw
        monkeypatch.setattr(users.bcrypt, "checkpw", lambda *given: asked.append(given) or real(*given))
        for _ in range(5):
            assert get(service, auth=("alice", "wonder:land")).ok
        assert len(asked) == 1
        for _ in range(3):
            assert not get(service, auth=("alice", "wrong")).ok
        assert len(asked) == 4, "what is wrong is not remembered"

    def test_an_unknown_name_costs_what_a_wrong_password_costs(self, monkeypatch, hashed):
        checked = []
        real = users.bcrypt.checkpw
        monkeypatch.setattr(users.bcrypt, "checkpw", lambda *given: checked.append(given) or real(*given))
        hash_ = hashed("a", 5)
        someone = users.Users({"alice": hash_})
        for name in ("alice", "mallory"):
            assert not someone.admits(requests.auth._basic_auth_str(name, "wrong"))
        assert checked == [(b"wrong", hash_.encode())] * 2

    def test_an_edited_file_counts_at_once(self, service, get, web_file, hashed):
        assert get(service, auth=("alice", "wonder:land")).ok
        web_file(f"basic_auth_users:\n  alice: {hashed('changed')}\n")
        assert get(service, auth=("alice", "wonder:land")).status_code == 401
        assert get(service, auth=("alice", "changed")).ok

    def test_a_broken_edit_locks_nobody_out_and_lets_nobody_in(self, service, get, web_file, caplog):
        file = web_file("basic_auth_users: {alice: secret}\n")
        assert get(service, auth=("alice", "wonder:land")).ok
        assert get(service).status_code == 401
        assert f"the web configuration stays as it was: {file}:1: basic_auth_users: expected a bcrypt" in caplog.text
        assert "secret" not in caplog.text
