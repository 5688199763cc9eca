"""What a draft would have done with recorded traffic, in intervals that say what they assume; and whether that may go live."""
