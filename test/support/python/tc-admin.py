"""What tc-admin makes of a deployment here: the worker pools of the file that POOLS_FILE names, and nothing else."""

import json
import os

from tcadmin.appconfig import AppConfig
from tcadmin.resources import WorkerPool

appconfig = AppConfig()
appconfig.description_prefix = ""


@appconfig.generators.register
async def pools(resources):
    resources.manage("WorkerPool=.*")
    with open(os.environ["POOLS_FILE"]) as file:
        resources.update(WorkerPool(**pool) for pool in json.load(file))
