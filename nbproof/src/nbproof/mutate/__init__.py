"""Faults are put into a package, and changes into stored outputs: who notices?"""
