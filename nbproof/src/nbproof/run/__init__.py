"""Notebooks are run: a kernel is started and watched, pytest is started, outputs are stored."""
