"""Who may do what at the broker, and what proves who somebody is.

``permissions`` says what a role may do, ``site`` remembers who is enrolled, ``office``
changes it. ``users`` and ``operator`` tell it to nats-server, each its own way: by a
list in its configuration, or by JWTs that it checks; ``reloading`` and ``pushing`` have
it look. ``keys`` makes key pairs, ``claims`` signs JWTs.
"""
