"""A stand-in for Slack, Teams, PagerDuty and a mail server on this machine, with a page of what people would see.

It holds senders to the platforms' documented limits and answers as they do, so what passes here passes there.
`Inbox` is for tests, on free ports in the same process; `windsock inbox` is the same as a command.
"""

from .faults import Fault
from .messages import Attempt, Message
from .server import Inbox

__all__ = ["Attempt", "Fault", "Inbox", "Message"]
