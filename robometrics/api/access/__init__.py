"""Who may do what: one gate before every route, of HTTP and of websockets alike.

``names`` refuses foreign hosts and origins, ``callers`` finds out who asks, ``scopes``
says what each route needs, ``attempts`` bounds failures, ``sockets`` open websockets;
``gate`` asks them all. ``login`` is for browsers, ``tokens`` for administrators.
"""
