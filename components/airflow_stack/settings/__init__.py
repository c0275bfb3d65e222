"""Models of every setting: types, defaults and limits."""
