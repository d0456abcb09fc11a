"""Environments that build an architecture, as pure functions on arrays of any library."""
