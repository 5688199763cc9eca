"""What providers speak: one row each, with a file where there is behaviour."""
