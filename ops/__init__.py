"""What operators run: the command, the local stack, the simulated providers."""
