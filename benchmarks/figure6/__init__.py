"""Figure 6: colour eyes, refined with psi the mean of the colour channels, against psi the identity.

An experiment beside the main pipeline (`dvc.yaml` in this folder): its own colour images, refiners and page.
"""
