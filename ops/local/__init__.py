"""The local stack: an embedded AWS with the project's own template in it, simulated providers, and the front door."""
