"""Another machine, made on this one: other settings, and faults that it may have."""
