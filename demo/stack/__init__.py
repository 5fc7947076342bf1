"""The whole stack on one machine, without a container engine."""
