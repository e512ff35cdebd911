"""Calls a worker manager with PyPI's taskcluster. Reads one JSON object a line, answers one a line.

In: {options, kind: sync | async | signed, method, args, payload?, query?}. Out: {value} or {status, code} or {failure}.
With {credentials: {...}} in place of a method: temporary credentials, as its own function makes them.
"""

import asyncio
import datetime
import json
import sys

import taskcluster
import taskcluster.aio
import taskcluster.exceptions


def sync_call(request):
    client = taskcluster.WorkerManager(request["options"])
    return getattr(client, request["method"])(*request["args"], **keywords(request))


async def async_call(request):
    async with taskcluster.aio.createSession() as session:
        client = taskcluster.aio.WorkerManager(request["options"], session=session)
        return await getattr(client, request["method"])(*request["args"], **keywords(request))


def keywords(request):
    given = {"payload": request.get("payload"), "query": request.get("query")}
    return {name: value for name, value in given.items() if value is not None}


def signed_url(request):
    client = taskcluster.WorkerManager(request["options"])
    return client.buildSignedUrl(request["method"], *request["args"], **keywords(request))


def temporary(wanted):
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
    made = taskcluster.createTemporaryCredentials(
        wanted["clientId"],
        wanted["accessToken"],
        start,
        start + datetime.timedelta(hours=1),
        wanted["scopes"],
        name=wanted.get("name"),
    )
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in made.items()}


def answer(request):
    try:
        if "credentials" in request:
            return {"value": temporary(request["credentials"])}
        if request["kind"] == "async":
            return {"value": asyncio.run(async_call(request))}
        if request["kind"] == "signed":
            return {"value": signed_url(request)}
        return {"value": sync_call(request)}
    except (taskcluster.exceptions.TaskclusterRestFailure, taskcluster.exceptions.TaskclusterAuthFailure) as error:
        body = error.body if isinstance(error.body, dict) else {}
        return {"status": error.status_code, "code": body.get("code"), "failure": str(error)[:500]}
    except Exception as error:  # whatever else the library throws is what the test is about to see
        return {"failure": f"{type(error).__name__}: {error}"[:500]}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line)), default=str), flush=True)
