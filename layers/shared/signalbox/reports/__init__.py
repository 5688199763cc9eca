"""Daily reports of what tenants and their teams used: made from totals, told as JSON, CSV and a page."""
