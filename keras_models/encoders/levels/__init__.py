"""How the maps of a layer of C3D come onto the grid of another."""
