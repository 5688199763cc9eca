"""When a target is passed over: the state of each circuit, decided from outcomes."""
