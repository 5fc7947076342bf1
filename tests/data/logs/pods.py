"""An executor of Airflow 3 that runs each task as KubernetesExecutor's pod does, without a cluster.

What it prints is kept as a container engine keeps it, below $PODS; the file that the pod had of its own is gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from datetime import datetime, timezone
from pathlib import Path

from airflow.executors.base_executor import BaseExecutor

# As `python -m` does. What it imports stays: looking for garbage in it takes a quarter of its time.
RUN = """import gc, runpy
gc.disable()
runpy.run_module("airflow.sdk.execution_time.execute_workload", run_name="__main__", alter_sys=True)
"""


class PodExecutor(BaseExecutor):
    """One process a task, which ends with it."""

    def start(self):
        self.pods = {}

    def queue_workload(self, workload, session=None):
        self.queued_tasks[workload.ti.key] = workload

    def _process_workloads(self, workloads):
        for workload in workloads:
            del self.queued_tasks[workload.ti.key]
            self.running.add(workload.ti.key)
            self.pods[workload.ti.key] = threading.Thread(target=self._run, args=(workload,))
            self.pods[workload.ti.key].start()

    def _run(self, workload):
        with tempfile.TemporaryDirectory() as own:
            pod = subprocess.Popen(
                [sys.executable, "-c", RUN, "--json-string", workload.model_dump_json()],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "AIRFLOW_IS_K8S_EXECUTOR_POD": "True", "AIRFLOW__LOGGING__BASE_LOG_FOLDER": own},
            )
            name = f"{workload.ti.dag_id}-{workload.ti.task_id}-{pod.pid}_airflow_base-{workload.ti.id.hex}.log"
            with (Path(os.environ["PODS"]) / name).open("ab", buffering=0) as log:
                for line in pod.stdout:
                    stamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
                    log.write(f"{stamp} stdout F ".encode() + line)
            pod.wait()

    def sync(self):
        for key, pod in list(self.pods.items()):
            if not pod.is_alive():
                del self.pods[key]
                self.success(key)

    def end(self):
        for pod in self.pods.values():
            pod.join()

    terminate = end
