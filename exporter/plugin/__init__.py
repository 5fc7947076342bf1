"""What windsock adds inside Airflow: metrics, pages that link a DAG to its dashboards and alerts, listeners."""
