"""`windsock init`: the first windsock.yaml, and what Airflow is told, in each form in which it is configured."""
