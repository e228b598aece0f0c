"""What was: questions about stored samples, answered from the cheapest that will do.

``selection`` says which metrics are meant, ``span`` over which time, ``plan`` from which
resolution; ``pieces`` makes samples and windows comparable, ``grid`` brings them
together in equal steps, ``exact`` gives each sample as it was taken. ``answer`` does all
that for one series, ``groups`` and ``ranking`` for many.
"""
