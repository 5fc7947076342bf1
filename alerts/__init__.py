"""Rules, routes and runbooks, and the YAML that they make."""
