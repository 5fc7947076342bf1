"""What a callback costs a task's process, beside the notifiers of Airflow's Slack, PagerDuty and SMTP providers.

    python benchmarks/callbacks.py [--runs N] [--patience SECONDS] [--json]

Each measurement is a process of its own in which Airflow's task SDK is imported already. `import` is what a DAG file
pays at its first line, `run` what the failed task waits for, with an endpoint on loopback that answers at once and with
one that takes the connection and never answers. The providers are installed beside the newest Airflow into
.windsock/benchmarks/notifiers, once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windsock.airflow.versions import NEWEST
from windsock.demo.inbox import Inbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".windsock" / "benchmarks" / "notifiers"
PYTHON = HOME / "bin" / "python"
PROVIDERS = ("slack", "pagerduty", "smtp")
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
PAIRS = (
    ("windsock, Alertmanager", None),
    ("windsock, Slack", "Slack provider"),
    ("windsock, PagerDuty", "PagerDuty provider"),
    ("windsock, e-mail", "SMTP provider"),
)

CHILD = """
import json, sys, time
sys.path.insert(0, ROOT)
from airflow.sdk import DAG, BaseOperator
import airflow.sdk.execution_time.task_runner
from types import SimpleNamespace

with DAG("orders", schedule=None) as dag:
    task = BaseOperator(task_id="load")
ti = SimpleNamespace(dag_id="orders", task_id="load", run_id="r1", map_index=-1, try_number=1, max_tries=0, task=task,
                     hostname="h", log_url="http://localhost/dags/orders/runs/r1/tasks/load", state="failed",
                     start_date=None, end_date=None)
context = {"dag": dag, "task": task, "ti": ti, "task_instance": ti, "run_id": "r1", "exception": ValueError("x"),
           "dag_run": SimpleNamespace(run_id="r1", conf={}, logical_date=None)}

def clocks():
    return time.perf_counter(), time.process_time()

before = clocks()
if WHICH.startswith("windsock"):
    from windsock.callbacks import on_failure as notifier
elif WHICH == "Slack provider":
    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier
    notifier = SlackWebhookNotifier(slack_webhook_conn_id="slack", text="{{ ti.task_id }} failed")
elif WHICH == "PagerDuty provider":
    from airflow.providers.pagerduty.notifications.pagerduty import PagerdutyNotifier
    notifier = PagerdutyNotifier(summary="{{ ti.task_id }} failed", severity="critical", source="airflow",
                                 pagerduty_events_conn_id="pagerduty")
else:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier
    notifier = SmtpNotifier(from_email="a@example.org", to="b@example.org", subject="{{ ti.task_id }} failed",
                            html_content="{{ ti.task_id }} failed", smtp_conn_id="smtp")
imported = clocks()
if WHICH == "PagerDuty provider":
    # Its address is fixed; the class that holds it is not part of what is measured.
    import pagerduty
    pagerduty.EventsApiV2Client.default_base_url = PAGERDUTY
    imported_again = clocks()
else:
    imported_again = imported
try:
    notifier(context)
    problem = ""
except BaseException as error:
    problem = f"{type(error).__name__}: {error}"[:200]
ran = clocks()
print("RESULT " + json.dumps({
    "import": [b - a for a, b in zip(before, imported)],
    "run": [b - a for a, b in zip(imported_again, ran)],
    "problem": problem,
}))
"""


class _TakesAll(BaseHTTPRequestHandler):
    """An Alertmanager, or PagerDuty, that answers at once; a real Alertmanager takes 1.4 to 6 ms for a post."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_event = self.path.endswith("/enqueue")
        body = b'{"status": "success", "message": "Event processed", "dedup_key": "x"}' if is_event else b"[]"
        self.send_response(202 if is_event else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  http.server's name

    def log_message(self, *_: Any) -> None:
        pass


def install() -> None:
    """Build the environment, where it is not there yet."""
    done = HOME / "installed"
    if done.exists():
        return
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    pinned = ROOT / "demo" / "stack" / "requirements" / f"airflow-{NEWEST}.txt"
    print(f"installing Airflow {NEWEST} and three providers into", HOME.relative_to(ROOT))
    subprocess.run([uv, "venv", "--quiet", "--clear", HOME], check=True)
    packages = [f"apache-airflow-providers-{name}" for name in PROVIDERS]
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", PYTHON, "--requirement", pinned]
    subprocess.run([*install, *packages], check=True)
    done.touch()


@contextlib.contextmanager
def taking_all(certificate: Path | None = None) -> Iterator[str]:
    """The address of a server that takes everything; over TLS with a certificate, since PagerDuty's client asks so."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _TakesAll)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    server.shutdown()


def make_certificate(folder: Path) -> Path:
    """A self-signed one with its key, in one file."""
    made, key = folder / "both.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    made.write_text(made.read_text() + key.read_text())
    return made


@contextlib.contextmanager
def hanging() -> Iterator[int]:
    """A port that takes connections and requests, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        taken: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        for connection in taken:
            connection.close()


def environment(home: Path, which: str, at: dict[str, str]) -> dict[str, str]:
    """How a task's process would be configured."""
    host, _, port = at["smtp"].partition(":")
    channel = {"windsock, Slack": "slack", "windsock, PagerDuty": "pagerduty", "windsock, e-mail": "email"}.get(which)
    teams: dict[str, Any] = {
        "slack": {"slack": "#pay"},
        "pagerduty": {"pagerduty": "${PD}", "severity": "critical"},
        "email": {"email": "b@example.org"},
    }
    sections = {
        "alertmanager": {"urls": [] if channel else [at["alertmanager"]]},
        "callbacks": {"spool": {"dir": str(home / "spool")}},
        "channels": {
            "slack": {"webhook": "${SLACK_HOOK}"},
            "pagerduty": {"url": at["pagerduty"]},
            "email": {"smarthost": at["smtp"], "tls": False},
        },
        "defaults": teams[channel] if channel else {},
    }
    (home / "windsock.yaml").write_text(json.dumps(sections))
    hook, _, token = at["slack_webhook"].rpartition("/services/")
    smtp = {"conn_type": "smtp", "host": host, "port": int(port), "extra": {"disable_ssl": True, "disable_tls": True}}
    return {
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "WINDSOCK_CONFIG": str(home / "windsock.yaml"),
        "SLACK_HOOK": at["slack_webhook"],
        # The one for httpx and for Python's own, the other for requests.
        "SSL_CERT_FILE": at["certificate"],
        "REQUESTS_CA_BUNDLE": at["certificate"],
        "PD": ROUTING_KEY,
        "AIRFLOW_CONN_SLACK": json.dumps({"conn_type": "slackwebhook", "host": f"{hook}/services", "password": token}),
        "AIRFLOW_CONN_PAGERDUTY": json.dumps({"conn_type": "pagerduty_events", "password": ROUTING_KEY}),
        "AIRFLOW_CONN_SMTP": json.dumps(smtp),
    }


def measure(which: str, at: dict[str, str], patience: float) -> dict[str, Any]:
    """One process; what took longer than `patience` is said to have taken that."""
    with tempfile.TemporaryDirectory() as place:
        names = f"ROOT, WHICH, PAGERDUTY = {str(ROOT)!r}, {which!r}, {at['pagerduty'].removesuffix('/v2/enqueue')!r}\n"
        started = time.monotonic()
        try:
            done = subprocess.run(
                [PYTHON, "-c", names + CHILD],
                env=environment(Path(place), which, at),
                capture_output=True,
                text=True,
                timeout=patience,
                check=False,
                cwd=place,
            )
        except subprocess.TimeoutExpired:
            return {"import": [0.0, 0.0], "run": [time.monotonic() - started, 0.0], "problem": "still waiting"}
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not found:
        sys.exit(f"{which} did not run:\n{done.stderr[-3000:]}")
    return dict(json.loads(found[-1].removeprefix("RESULT ")))


def median(results: list[dict[str, Any]], what: str, clock: int) -> float:
    """Milliseconds; clock 0 is the wall's, 1 the CPU's."""
    return statistics.median(float(result[what][clock]) for result in results) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="processes for each figure of a healthy endpoint")
    parser.add_argument(
        "--patience", type=float, default=90.0, help="seconds that one with a hanging endpoint may take"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    install()
    figures: dict[str, dict[str, Any]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        certificate = make_certificate(folder)
        inbox, port = stack.enter_context(Inbox()), stack.enter_context(hanging())
        healthy = {
            **inbox.addresses,
            "alertmanager": stack.enter_context(taking_all()),
            "pagerduty": f"{stack.enter_context(taking_all(certificate))}/v2/enqueue",
            "certificate": str(certificate),
        }
        silent = {
            "certificate": str(certificate),
            "alertmanager": f"http://127.0.0.1:{port}",
            "slack_webhook": f"http://127.0.0.1:{port}/slack/services/T0/B0/x",
            "pagerduty": f"https://127.0.0.1:{port}/v2/enqueue",
            "smtp": f"127.0.0.1:{port}",
        }
        for which in dict.fromkeys(name for pair in PAIRS for name in pair if name):
            results = [measure(which, healthy, options.patience) for _ in range(options.runs)]
            hung = measure(which, silent, options.patience)
            figures[which] = {
                "import_cpu_ms": median(results, "import", 1),
                "import_ms": median(results, "import", 0),
                "run_cpu_ms": median(results, "run", 1),
                "run_ms": median(results, "run", 0),
                "hanging_s": hung["run"][0],
                "hanging_ended": hung["problem"] != "still waiting",
                "both_cpu_ms": median(results, "import", 1) + median(results, "run", 1),
                "problem": results[-1]["problem"],
            }
        taken = len(inbox.messages())
    if options.json:
        print(json.dumps({"messages": taken, "figures": figures}, indent=2))
        return
    print(f"{'':24}{'import CPU':>12}{'import':>10}{'run CPU':>10}{'run':>10}{'hanging':>10}")
    for which, row in figures.items():
        stuck = f"{'' if row['hanging_ended'] else '> '}{row['hanging_s']:.1f} s"
        print(
            f"{which:24}{row['import_cpu_ms']:9.0f} ms{row['import_ms']:7.0f} ms{row['run_cpu_ms']:7.0f} ms"
            f"{row['run_ms']:7.0f} ms{stuck:>10}" + (f"   {row['problem']}" if row["problem"] else "")
        )
    print()
    for ours, theirs in PAIRS:
        if theirs:
            mine, other = figures[ours], figures[theirs]
            print(
                f"{ours} / {theirs}: "
                + ", ".join(
                    f"{label} {mine[key] / other[key]:.2f}"
                    for label, key in (
                        ("import CPU", "import_cpu_ms"),
                        ("run CPU", "run_cpu_ms"),
                        ("both", "both_cpu_ms"),
                        ("run", "run_ms"),
                        ("hanging", "hanging_s"),
                    )
                )
            )


if __name__ == "__main__":
    main()
