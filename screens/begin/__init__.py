"""The page that the wizard begins with: a new cluster, an answers file, or one of the clusters known here."""
