"""Who asks, and may they: keys, budgets and leases."""
