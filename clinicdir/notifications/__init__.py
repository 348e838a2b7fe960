"""Messages to people: written with the change they tell of, delivered later."""
