"""``python -m chest_ct_covid19`` is ``chest-ct``."""

from chest_ct_covid19 import main

main()
