"""What owners see of conflicts, and how they settle them."""
