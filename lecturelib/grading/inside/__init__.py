"""What runs beside a student's code, shut in: standard library and NumPy only, nothing of lecturelib."""
