"""What section 3 shows by pictures and by hand, measured: realism, artefacts, preserved ground truth, a Turing test."""
