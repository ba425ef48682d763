"""Notebooks as tests: what pytest's plugin nbval leaves unchecked, checked. The README says what is where."""

__version__ = "0.1.0"
