"""A preview of the dashboards, for a machine without Grafana: the same JSON, drawn by a page of our own."""
