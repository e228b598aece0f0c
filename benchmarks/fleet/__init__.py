"""A fleet to look at: ten hosts of ten processes with a past, that go on by themselves.

``python -m benchmarks.fleet --history 24h`` runs it until Ctrl-C; ``running`` does so
for tests of the page, pictures and benchmarks. The servers are real ones, and what is
live goes through the broker as a worker would send it; only the measuring is made up.

``cast`` lists who is in it. ``loads`` and ``lives`` say how a program behaves,
``programs``, ``machines`` and ``cards`` what is measured of it, ``stints`` holds that,
``story`` tells it second by second; ``feed`` stores the past and publishes the present.
"""
