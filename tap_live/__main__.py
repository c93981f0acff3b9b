"""`python -m tap_live` is `tap-live`."""

from tap_live.commands import main

main()
