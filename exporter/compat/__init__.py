"""The names of statsd_exporter: its mapping file, what it does without one, and the official Helm chart's mapping."""
