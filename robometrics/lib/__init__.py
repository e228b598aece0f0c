"""What a measured program imports."""
