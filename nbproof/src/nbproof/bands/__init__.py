"""A band is measured: what training gives over seeds and numbers of threads."""
