"""StatsD in, Prometheus out."""
