"""Surrogates at run time: tables over combinations of blocks, and where they are stored."""
