"""A patient's wish for an appointment and its life."""
