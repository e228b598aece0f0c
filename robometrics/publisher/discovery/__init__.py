"""Finds processes that should be measured though they do not register.

    connector | scan ──▶ Table ──▶ Finder ──▶ Allotment ──▶ Runs
    what began, execed    who is    which rule   under which
    and ended             due       matches      name, or not

``Finder`` is a thread of its own; ``Discovery`` takes what it finds in the event loop.
"""
