"""Controllers to compare with: random search, evolution, REINFORCE, local search."""
