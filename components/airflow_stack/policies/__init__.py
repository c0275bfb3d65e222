"""Policies: pure rules over plain resources. Depends on no other room."""
