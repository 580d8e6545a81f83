"""Where binaries and images come from: sites, registries, local files, and what vouches for each of them."""
