"""What ``robometrics doctor`` looks at; each check looks at one thing.

A check changes nothing, waits for nothing long, and says what to do.
"""
