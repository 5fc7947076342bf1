"""The HTTP side: /metrics, health, reload, the page for people, the runbooks, TLS and logins."""
