"""The clinics: where they stand, how to reach them, what is known of them."""
