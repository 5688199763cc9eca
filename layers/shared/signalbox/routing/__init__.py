"""Which target serves a request, decided by pure functions of their arguments."""
