"""What the doctor looks at in Prometheus and Alertmanager."""
