"""The reconciler: what the metadata database knows to have failed, Alertmanager is told; and when it is over."""
