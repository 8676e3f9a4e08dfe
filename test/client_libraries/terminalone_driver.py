"""Does work with the library TerminalOne that standard input describes, and prints what it saw. The library itself is as PyPI has it."""

import collections
import collections.abc
import json
import socket
import sys

# The library was written for Python up to 3.9, which had this name in two places.
collections.Iterator = collections.abc.Iterator

work = json.load(sys.stdin)
here = "localhost:{}".format(work["port"])
arguments = work["arguments"]

if not work["by_options"]:
    # As an entry in the hosts file would, with the port as well.
    resolve = socket.getaddrinfo

    def resolve_to_here(host, port, *others, **options):
        if host in ("api.mediamath.com", "auth.mediamath.com"):
            return resolve("127.0.0.1", work["port"], *others, **options)
        return resolve(host, port, *others, **options)

    socket.getaddrinfo = resolve_to_here

import terminalone  # noqa: E402
import terminalone.config  # noqa: E402

if work["by_options"]:
    terminalone.config.AUTH_BASES["production"] = here
    arguments["api_base"] = here


def attempt(job):
    try:
        return {"value": job()}
    except Exception as error:
        code = getattr(error, "code", None)
        message = getattr(error, "message", None)
        return {
            "error": {
                "type": type(error).__name__,
                "message": str(error) if message is None else str(message),
                "code": None if code is None else str(code),
            }
        }


def plain(value):
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value


def properties_of(entity):
    found = {name: plain(value) for name, value in entity.get_properties().items()}
    found["class"] = type(entity).__name__
    return found


service = None


def sign_in():
    global service
    service = terminalone.T1(**arguments)
    return {
        "username": getattr(service, "username", None),
        "userId": getattr(service, "user_id", None),
        "sessionId": getattr(service, "session_id", None),
        "accessToken": getattr(service, "access_token", None),
    }


def get(options):
    found = service.get(**options)
    count = None
    if options.get("count"):
        found, count = found
    if hasattr(found, "get_properties"):
        found = [found]
    return {"entities": [properties_of(entity) for entity in found], "count": count}


report = {"signIn": attempt(sign_in), "gets": []}
if service is not None:
    report["gets"] = [attempt(lambda: get(options)) for options in work["gets"]]
json.dump(report, sys.stdout, default=str)
