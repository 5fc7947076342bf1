"""When a run will be done: the DAG as it is written, the runs that were, and how far the present one is."""
