"""The exact theory, part by part, in NumPy float64; `least_squares.py` and `schemes.py` are its doors.

Nothing here is simulated, and nothing here imports what is.
"""
