import sys

from robometrics.cli.main import main

sys.exit(main())
