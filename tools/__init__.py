"""Scripts for those who work on clinicdir; the running site needs none of them."""
