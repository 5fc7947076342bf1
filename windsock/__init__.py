"""Observability and alerting for Apache Airflow."""

__version__ = "0.1.0"
