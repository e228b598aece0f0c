"""What was: questions about stored samples, answered from the cheapest that will do.

``selection`` says which metrics are meant, ``matching`` which series, ``span`` over
which time, ``plan`` from which resolution. ``reading`` reads samples and windows,
``pieces`` makes both comparable, ``grid`` brings them together in steps; ``exact``
gives each sample as it was taken. ``answer`` is for one series, ``grouping`` and
``ranking`` for many. ``contents`` says which metrics series have.
"""
