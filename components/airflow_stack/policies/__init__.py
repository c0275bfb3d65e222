"""Policies of the project: pure rules over plain resources (`rules.py`), and the pack that Pulumi's engine runs (`__main__.py`)."""
