"""What runs inside Airflow's processes: the callbacks that turn a failure into an alert.

    default_args={"on_failure_callback": windsock.callbacks.on_failure}    # each task of a DAG
    DAG(..., on_failure_callback=windsock.callbacks.on_failure)            # the run as a whole

Importing this costs a worker next to nothing: settings, HTTP client and YAML are imported when something has failed.
"""

from .handlers import on_failure

__all__ = ["on_failure"]
