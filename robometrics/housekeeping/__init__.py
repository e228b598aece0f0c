"""Keeping house: what is stored is compacted, and deleted when its time is over."""
