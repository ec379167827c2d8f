"""`python -m guard.admin`: the control process, as `guard serve` starts it; its orders come on standard input."""

from guard.admin.process import main

main()
