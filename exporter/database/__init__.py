"""The metadata collector: a cheap, read-only look at Airflow's database, every few seconds."""
