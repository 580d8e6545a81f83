"""What the processes of `child` have imported before they are forked."""

import tests.unit.attacks.child
import tests.unit.attacks.mixed
import tests.unit.attacks.readers  # noqa: F401
