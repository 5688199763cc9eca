"""What clients speak: each dialect translates its own wire format to one Request and one Reply back."""
