"""The part of Prometheus' HTTP API that Grafana, promtool and clients ask for.

``syntax`` reads an expression, ``directory`` says what could answer it, ``source``
brings the samples, ``selecting`` joins them into lines, ``evaluate`` computes, and
``answers`` writes the result down. ``engine`` does all that for one query, and bounds
it.
"""

from robometrics.api.prometheus.routes import prometheus_router

__all__ = ["prometheus_router"]
