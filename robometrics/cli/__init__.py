"""Commands: they parse options and wire the rest, and hold no logic."""
