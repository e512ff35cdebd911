"""Cases that Schemathesis leaves out: without its slash a pool's id makes, with what follows, the path of another one.

`/workers/null/us-east-1/i-1` are the workers of the group `i-1` in the pool `null/us-east-1`.
"""

from urllib.parse import unquote

import schemathesis


@schemathesis.hook
def filter_case(context, case):
    pool = (case.path_parameters or {}).get("workerPoolId")
    return pool is None or "/" in unquote(str(pool))
