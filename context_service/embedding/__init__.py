"""Text to vectors, and scores for pairs: protocols and the backends behind them."""
