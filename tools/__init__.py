"""Generators, benches and the states of releases. Outside the wheel."""
