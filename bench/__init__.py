"""The side-by-side benchmark of pystrobe; bench/README.md tells its story."""
