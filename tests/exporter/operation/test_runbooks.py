"""The runbooks at /runbooks/: as people read them, at the addresses that alerts link to."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import requests
import yaml

from windsock import links
from windsock.alerts import build
from windsock.alerts.coverage import RUNBOOKS
from windsock.events import ALERTNAMES
from windsock.settings import Settings

NAMES = sorted(file.stem for file in RUNBOOKS.iterdir())


class Page(HTMLParser):
    """The body's text, a line for each element that stands alone, the links, and what stands as code."""

    def __init__(self, text):
        super().__init__()
        self.text, self.links, self.codes, self.tags = "", [], [], []
        self._in = self._code = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._in |= tag == "header"
        self._code = tag == "code"
        if tag in {"p", "li", "h2", "h3"}:
            self.text += "\n"
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_data(self, data):
        if self._in:
            self.text += data
        if self._code:
            self.codes.append(data)

    def handle_endtag(self, tag):
        self._code = False


@pytest.fixture
def service(serve):
    return serve("udp://127.0.0.1:0")


@pytest.fixture
def look(read, service):
    """`look(name)`: the answer, and its page."""

    def at(name):
        answer = requests.get(read.url(service, f"/runbooks/{name}"), timeout=60, allow_redirects=False)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return answer, Page(answer.text)

    return at


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_is_a_page_with_all_of_its_text_and_none_of_its_markup(name, look, read, service):
    answer, page = look(name)
    assert answer.status_code == 200
    source = (RUNBOOKS / f"{name}.md").read_text()
    # The same words, without what is Markdown's outside of code.
    said = re.sub(r"^(#+ |- |\d+\. )", "", source, flags=re.MULTILINE)
    assert page.codes == re.findall(r"`([^`]+)`", said)
    said = "".join(part if odd % 2 else part.replace("*", "") for odd, part in enumerate(said.split("`")))
    assert [line for line in page.text.splitlines()[1:] if line] == [line for line in said.splitlines() if line]
    assert page.tags.count("h2") == 1
    assert page.tags.count("h3") == source.count("\n## ")
    assert page.tags.count("li") == len(re.findall(r"^(- |\d+\. )", source, flags=re.MULTILINE))
    # The style is the status page's, and so is the policy that lets it in and nothing else.
    front = requests.get(read.url(service, "/"), timeout=60)
    assert answer.headers["Content-Security-Policy"] == front.headers["Content-Security-Policy"]
    assert re.findall("<style>.*</style>", answer.text, re.DOTALL) == re.findall(
        "<style>.*</style>", front.text, re.DOTALL
    )
    assert "script" not in page.tags


def test_runbooks_name_one_another_by_links(look):
    _, page = look("AirflowSchedulerHeartbeatAbsent")
    assert {"WindsockExporterDown", "AirflowSchedulerHeartbeatStopped", "./", "../"} <= set(page.links)
    for link in set(page.links) - {"./", "../"}:
        assert look(link)[0].status_code == 200


def test_all_of_them_are_listed(look, read, service):
    answer, page = look("")
    assert answer.status_code == 200
    assert [link for link in page.links if link not in {"./", "../"}] == NAMES
    assert 'href="runbooks/"' in requests.get(read.url(service, "/"), timeout=60).text


@pytest.mark.parametrize(
    "name", ["AirflowNothing", "AirflowTaskFailed.md", "..%2frules.py", "<script>alert(1)</script>"]
)
def test_what_is_not_there_is_answered_with_what_is(name, look):
    answer, page = look(name)
    assert answer.status_code == 404
    assert "There is no runbook" in page.text
    assert [link for link in page.links if link not in {"./", "../"}] == NAMES
    assert "script" not in page.tags


def test_only_who_may_see_the_page_may_see_them(serve, tmp_path, hashed):
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users: {{alice: {hashed('secret')}}}\n")
    service = serve("udp://127.0.0.1:0", web={"config_file": str(file)})
    url = f"http://{service.web.address}/runbooks/AirflowTaskFailed"
    assert requests.get(url, timeout=60).status_code == 401
    assert requests.get(url, auth=("alice", "secret"), timeout=60).status_code == 200


def test_every_alert_links_to_its_page(service):
    settings = Settings.model_validate({"exporter": {"web": {"listen": service.web.address}}})
    groups = yaml.safe_load(build.files(settings)[build.RULES])["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    addresses = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in alerts}
    addresses |= {name: links.runbook(links.complete(settings), name) for name in ALERTNAMES}
    assert set(NAMES) <= set(addresses)
    for name, address in addresses.items():
        assert f"<h2>{name}</h2>" in requests.get(address, timeout=60).text
