"""What RoboMetrics costs, beside what one would use without it, in one run.

``python -m benchmarks`` measures all, ``python -m benchmarks.worker`` one part; with
``--quick`` in seconds instead of minutes. Machines differ and are shared, so read the
ratios: both sides of each are measured on the same machine within the same minute.

Sizes and quantiles are those of real programs, recorded for ten minutes when there is
no recording yet. The size of blocks of an hour wants an hour, once:
``python -m benchmarks.recording --seconds 3600``.
"""
