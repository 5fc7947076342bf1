"""What becomes a link in Alertmanager's messages: an address of the web; all else that a task says is dropped there."""

from __future__ import annotations

import json

import pytest

from windsock.alerts import build
from windsock.settings import Settings

NAMES = ("log_url", "run_url", "dashboard_url", "runbook_url")
NO_LINKS = (
    ("!channel", "javascript:alert(1)", "data:text/html,x", "//evil.example.org"),
    ("javascript:alert(1)//http://x", "@U012345", "mailto:a@example.org", "#C0|x"),
)
TEXTS = (
    *("windsock.url", "windsock.text.firing", "windsock.slack.text", "windsock.slack.edited", "windsock.msteams.text"),
    *("windsock.email.html", "windsock.opsgenie.description"),
    *(f"windsock.pagerduty.{name}" for name in ("log", "run", "dashboard", "runbook")),
)


@pytest.fixture
def rendered(tool, tmp_path, failed_task):
    """What each of TEXTS makes of an alert with these links."""
    (tmp_path / "windsock.tmpl").write_text(build.files(Settings())["windsock.tmpl"])

    def render(**links):
        labels, said = failed_task().labels, {**failed_task().annotations, **links}
        when = {"startsAt": "2026-11-22T09:01:02Z", "endsAt": "2026-11-23T09:01:02Z"}
        alert = {"status": "firing", "labels": labels, "annotations": said, **when, "fingerprint": "1"}
        groups = {"groupLabels": labels, "commonLabels": labels, "commonAnnotations": said}
        (tmp_path / "data.json").write_text(json.dumps({"status": "firing", "alerts": [alert], **groups}))
        text = "=====".join(f'{{{{ template "{name}" . }}}}' for name in TEXTS)
        files = [f"--template.glob={tmp_path}/*.tmpl", f"--template.data={tmp_path}/data.json"]
        done = tool("amtool", "template", "render", *files, f"--template.text={text}")
        assert done.returncode == 0, done.stderr
        return dict(zip(TEXTS, done.stdout.split("====="), strict=True))

    return render


@pytest.mark.parametrize("bad", NO_LINKS)
def test_what_is_no_address_of_the_web_is_left_out(rendered, bad):
    for name, text in rendered(**dict(zip(NAMES, bad, strict=True))).items():
        assert (name, [link for link in bad if link in text]) == (name, [])
        assert "<!" not in text.replace("<!DOCTYPE", "")


def test_an_address_of_the_web_becomes_a_link(rendered):
    good = {name: f"HTTPS://{name.replace('_', '-')}.example.org/x" for name in NAMES}
    for name, text in rendered(**good).items():
        assert (name, any(url in text for url in good.values())) == (name, True)


def test_what_people_get_has_no_mention_and_no_program(
    alertmanagers, platforms, mails, tmp_path, failed_task, eventually
):
    settings = Settings.model_validate(
        {
            "alertmanager": {"secrets_dir": str(tmp_path / "secrets")},
            "channels": {
                "slack": {"api_url": f"{platforms.url}/api", "token": "${SLACK_TOKEN}"},
                "pagerduty": {"url": f"{platforms.url}/v2/enqueue"},
                "email": {"smarthost": mails.address, "tls": False},
            },
            "defaults": {"slack": "#all", "email": "all@example.org"},
            "teams": {"payments": {"pagerduty": "${PD_PAYMENTS}"}},
        }
    )
    (tmp_path / "alertmanager").mkdir()
    with alertmanagers(tmp_path / "alertmanager", settings) as running:
        bad = dict(zip(NAMES, ("!channel", "javascript:alert(1)", "!here", "!everyone"), strict=True))
        running.fire(failed_task(severity="<!channel> *now*", team="default", annotations=bad))
        running.fire(failed_task(severity="critical", annotations=bad))
        message = eventually(platforms.slack, "a message")[0]
        assert "title_link" not in message
        assert message["footer"] == "&lt;!channel&gt; *now* · default"
        assert not any("<!" in str(text) or "javascript:" in str(text) for text in message.values())
        _, mail = eventually(lambda: mails.received, "a mail")[0]
        assert "javascript:" not in mail.get_body(("html",)).get_content()
        page = eventually(platforms.pagerduty, "a page")[0]
        assert [link["text"] for link in page.get("links", [])] == ["Runbook"]
        assert not page.get("client_url")
        assert running.complaints == []
