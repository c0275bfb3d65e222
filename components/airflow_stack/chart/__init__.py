"""Settings to chart values, and the check of the merged values. Pure."""
