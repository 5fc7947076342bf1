"""What differs between the versions of Airflow: no other room asks for one.

`compat` is what differs where code runs inside Airflow's processes, `web` in its API server or webserver, and `data`
holds each version's own list of the metrics that it registers.
"""
