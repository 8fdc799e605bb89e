from tests.support.build import choose

choose()
