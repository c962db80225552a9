"""Section 2 of the paper: S+U learning with SimGAN. Imports torch only."""
