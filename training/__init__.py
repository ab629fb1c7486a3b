"""How the shipped weights are made, and how anyone can make them again."""
