"""What holds for the tests of this folder beside `../conftest.py`: no tolerance is too wide to fail."""

from tests import tolerances

tolerances.install()
