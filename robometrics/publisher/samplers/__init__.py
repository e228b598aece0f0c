"""Reading the operating system: one module for each thing that is measured."""
