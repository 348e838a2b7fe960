"""The finder turns what a patient types into a place and ranks the clinics from there."""
