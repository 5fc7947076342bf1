"""A real Alertmanager finds nothing missing: webhook, chat.postMessage, PagerDuty and mail, firing and resolved."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
import requests
from real.server import free_port
from real.waiting import until

CONFIG = """
global: {{smtp_smarthost: '{smtp}', smtp_from: am@example.org, smtp_require_tls: false}}
route: {{receiver: all, group_wait: 100ms, group_interval: 500ms}}
receivers:
- name: all
  slack_configs:
  - {{api_url: '{slack_webhook}', channel: '#hook', send_resolved: true, text: '{{{{ .CommonAnnotations.summary }}}}',
     actions: [{{type: button, text: Log, url: 'https://x.example/log'}}]}}
  - {{api_url: '{slack_api}/chat.postMessage', channel: api, send_resolved: true,
     http_config: {{authorization: {{credentials: xoxb-test}}}}}}
  pagerduty_configs:
  - {{routing_key: 0123456789abcdef0123456789abcdef, url: '{pagerduty}', send_resolved: true}}
  email_configs:
  - {{to: ana@example.org, send_resolved: true}}
"""


@pytest.fixture
def alertmanager(inbox, tmp_path):
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert program, "Alertmanager is not installed: apt-get install prometheus-alertmanager"
    config = tmp_path / "alertmanager.yml"
    config.write_text(CONFIG.format(**inbox.addresses))
    port = free_port()
    command = [program, f"--config.file={config}", f"--storage.path={tmp_path}", "--cluster.listen-address="]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=log, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url)
        yield url
        # What Alertmanager could not deliver it complains about.
        assert "level=error" not in (tmp_path / "log").read_text()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _wait_until_ready(url):
    until(lambda: requests.get(f"{url}/-/ready", timeout=60).ok)


def _post(url, *, firing):
    now = datetime.now(timezone.utc)
    alert = {
        "labels": {"alertname": "AirflowTaskFailed", "dag_id": "orders_daily", "severity": "critical"},
        "annotations": {"summary": "orders_daily.load failed: <ValueError> & more"},
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1) if firing else now).isoformat(),
    }
    requests.post(f"{url}/api/v2/alerts", json=[alert], timeout=60).raise_for_status()


def test_every_receiver_gets_the_alert_and_its_end(inbox, alertmanager):
    _post(alertmanager, firing=True)
    hook = inbox.wait_for(lambda m: m.channel == "#hook" and "FIRING:1" in m.text)
    assert "orders_daily.load failed: <ValueError> & more" in hook.text
    assert "Log (https://x.example/log)" in hook.text
    assert inbox.wait_for(lambda m: m.channel == "#api" and "FIRING:1" in m.text)
    page = inbox.wait_for(lambda m: m.state == "triggered")
    assert "AirflowTaskFailed" in page.text
    mail = inbox.wait_for(lambda m: m.platform == "mail" and "FIRING:1" in m.text)
    assert "summary = orders_daily.load failed: <ValueError> & more" in mail.text

    _post(alertmanager, firing=False)
    for channel in ("#hook", "#api", "ana@example.org"):
        assert inbox.wait_for(lambda m, channel=channel: m.channel == channel and "RESOLVED" in m.text)
    resolved = inbox.wait_for(lambda m: m.state == "resolved")
    assert resolved.conversation == page.conversation
    # Alertmanager escapes nothing: that is for the template to do.
    problem = "<ValueError> is not escaped (&lt; and &gt;): Slack reads it as a link"
    assert [(m.channel, m.problems) for m in inbox.messages() if m.problems] == [("#hook", (problem,))] * 2
    assert [a for a in inbox.attempts() if a.refused] == []


def test_a_refused_message_is_sent_again(inbox, alertmanager):
    inbox.fault(platform="slack", kind="status", status=500, count=1)
    inbox.fault(platform="pagerduty", kind="close", count=1)
    _post(alertmanager, firing=True)
    for channel in ("#hook", "#api"):
        inbox.wait_for(lambda m, channel=channel: m.channel == channel)
    inbox.wait_for(lambda m: m.state == "triggered")
    assert [a.fault for a in inbox.attempts("slack")].count("status") == 1
    assert [a.fault for a in inbox.attempts("pagerduty")] == ["close", None]
