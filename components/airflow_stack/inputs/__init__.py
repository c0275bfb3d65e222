"""Stack file, program or served component to `Settings`: the only validation."""
