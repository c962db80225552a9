"""Section 3 of the paper: what learns from the images. Imports torch only; never simgan."""
