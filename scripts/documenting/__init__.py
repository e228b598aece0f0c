"""What the reference says, read from the code: one module for each of its pages."""
