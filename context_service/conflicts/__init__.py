"""Rivals: texts that cannot both be told. Found when content arrives, resolved for each customer when it is asked for."""
