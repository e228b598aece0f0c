"""Thousands of workers played by one process, to see what one machine can take.

``signals`` says what machines and programs show, ``template`` and ``shapes`` make many
messages of one, ``fleet`` is who sends what. ``sending`` publishes and waits for
acknowledgements, ``playing`` keeps the seconds. ``census`` and ``moments`` watch all
parts meanwhile, ``verdict`` names what gave first. ``plan`` reckons what a fleet of any
size takes.
"""
