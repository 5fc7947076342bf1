"""What was being told when its task was killed; the others have the minute that passes until it is told again."""

import pytest

from .processes import sandboxes

FLUSH = """
import contextlib, sys
from windsock.cli import main
sys.argv = ["windsock", "notify", "flush"]
with contextlib.suppress(SystemExit):  # what still waits is no failure here
    main()
"""
pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize(
    ("dag_id", "said"),
    [
        ("direct.killed", ("ValueError: killed while it is told",)),
        ("direct.endless", ("ValueError: killed while its words are made", "the template failed: it takes too long")),
    ],
)
def test_what_was_being_told_when_its_task_was_killed_is_told_again_and_says_so(direct, inbox, dag_id, said):
    airflow, _, variables = direct
    airflow.wait(lambda: not sandboxes(airflow), 60, "the end of what the killed task had begun")

    def told():
        # As cron does, minute by minute: each is a process.
        airflow.python(FLUSH, {**airflow.variables, **variables})
        return [m for m in inbox.messages("slack") if dag_id in m.text]

    (message,) = airflow.wait(told, 400, "the message of the killed task", every=3)
    assert ", and 1 more" not in message.text, "one try, also where Airflow called twice for it"
    assert f"{dag_id} failed" in message.text
    assert "This may be a repeat: its first delivery was interrupted." in message.text
    assert all(text in message.text for text in said)
