"""Processes → worker → JetStream.

``registrar`` takes registrations into the ``watchlist``; the ``sampler`` thread reads
it tick by tick with ``samplers``; each slot goes to the ``outbox`` on disk, and the
``uplink`` publishes from there.
"""
