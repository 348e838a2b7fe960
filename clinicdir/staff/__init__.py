"""The people who answer, what they may do, and where."""
