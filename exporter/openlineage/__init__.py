"""OpenLineage in: which datasets each task writes and who reads them, for what a failure leaves stale."""
