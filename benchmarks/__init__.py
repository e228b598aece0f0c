"""What RoboMetrics costs, beside what one would use without it, in one run.

``python -m benchmarks`` measures all, ``python -m benchmarks.worker`` one part; with
``--quick`` in seconds instead of minutes. Machines differ and are shared, so read the
ratios: both sides of each are measured on the same machine within the same minute.
"""
