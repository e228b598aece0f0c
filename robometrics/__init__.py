"""RoboMetrics: CPU, memory and GPU of processes and hosts, live, without loss."""

__version__ = "0.1.0"
