"""What shows windsock on one machine: the whole stack, and an inbox in place of Slack, PagerDuty and a mail server."""
