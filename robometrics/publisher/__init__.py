"""Processes → worker → JetStream.

``registrar`` answers requests, ``discovery`` finds processes, and ``runs`` takes what
they want measured into the ``watchlist``. The ``sampler`` thread reads it tick by tick
with ``samplers``; each slot goes to the ``outbox`` on disk, and the ``uplink``
publishes from there.
"""
