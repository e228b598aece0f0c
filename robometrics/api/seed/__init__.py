"""The endpoints of the first release: its workers and viewers work unchanged.

``posts`` is what its workers send, ``reading`` what that says by metric, ``stamps``
when it was taken. ``book`` gives each reading an identity, ``messages`` makes ordinary
messages, ``intake`` publishes them. ``rows`` is what its viewers read, ``deriving``
makes it of any host's batches, ``recent`` reads those. ``endpoints`` is the door.
"""
