"""Makes the modules of this folder importable by its tests."""

collect_ignore = ["conf.py", "build.py", "pdf.py"]  # Sphinx's settings, and programs
