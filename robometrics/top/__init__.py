"""``robometrics top``: the fleet and its processes, live in a terminal.

The feed (``rest``, ``live``) fills the ``model``; from that come rows, and of rows a
``view`` makes what is shown, in ``columns``. Only what is drawn knows of Textual.
"""
