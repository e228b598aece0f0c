"""JetStream → other systems: OTLP metrics, and Prometheus remote write.

One consumer for each, with a durable of its own. ``thinning`` chooses the samples,
``sources`` knows who they are of, ``otlp`` and ``remote_write`` write them down,
``target`` sends that, ``exporter`` is the consumer, and ``guard`` keeps its durable
from ever filling the stream. See ``docs/exporters.md``.
"""
