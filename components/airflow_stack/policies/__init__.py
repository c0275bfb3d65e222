"""Policies: pure rules over plain resources, and the policy pack that serves them to Pulumi's engine."""
