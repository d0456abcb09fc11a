"""Programs that other Pythons run: the vendor's container, and the board."""
