"""What runs in the process of a student's code: standard library and NumPy only, nothing of lecturelib."""
