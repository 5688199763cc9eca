"""What a request used and cost: the record, the events it travels in, the totals it adds to."""
