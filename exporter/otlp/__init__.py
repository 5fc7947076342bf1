"""OpenTelemetry in: the metrics of each process of Airflow, added up into one series a fact."""
