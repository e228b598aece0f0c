"""Stored samples as tables: CSV, Parquet and Arrow, as long as they may be.

``asked`` says what a table is of, ``settling`` which columns it has, before anything
is read. ``reading`` reads portion by portion, ``rows`` makes them columns of one shape,
``encoding`` bytes, and ``stream`` does all of it, each part off the event loop.
"""
