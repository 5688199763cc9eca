"""Samples of what was asked and answered, for routes that say so: redacted before they leave, and gone after their days."""
