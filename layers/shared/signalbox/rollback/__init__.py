"""What can be rolled back, and how it is undone."""
