"""`python -m workshop.audit`: see command.py."""

import sys

from workshop.audit import command

sys.exit(command.main())
