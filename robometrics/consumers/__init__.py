"""JetStream → MongoDB: ``persist`` keeps every batch, ``rollup`` folds them.

Independent and stateless; any number of copies of each share one durable.
"""
