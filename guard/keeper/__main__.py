"""`python -m guard.keeper`: the keeper, as `guard serve` starts it; its orders come on standard input."""

from guard.keeper.process import main

main()
