"""What things cost: run ``make bench``. Ratios come from one run on one machine; nothing here is a test."""
