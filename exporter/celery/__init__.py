"""Celery's broker: what waits in its queues, and how many workers listen, which Airflow's database does not say."""
