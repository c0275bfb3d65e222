"""Stand-ins for Pulumi's resource plugins, for machines that cannot download the official ones.

They speak the real provider protocol to the real engine: state, diffs, secrets and previews are
the engine's own, objects live on a real Kubernetes API server, releases are made by the real Helm.
They implement the types that this project uses and refuse others. They are no providers for
anybody's cluster: what can have the official plugins must use those.
"""
