"""The bundles that ship with the package."""
