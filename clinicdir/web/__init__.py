"""The audiences that come by HTTP: patients, staff and programs."""
