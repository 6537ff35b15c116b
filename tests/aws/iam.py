#!/usr/bin/env python3
"""iam.py OPTIONS...: moto's server, whose refusals have the protocol of the refused service.

moto enforces IAM policies if it is told to (`POST /moto-api/reset-auth`), but refuses a request of any service with the XML of IAM. ECS
and CloudWatch Logs speak JSON and refuse with AccessDeniedException."""

from moto.core.exceptions import AccessDeniedError, JsonRESTError
from moto.iam.access_control import IAMRequest
from moto.server import main

IN_XML = IAMRequest._raise_access_denied


def refuse(request):
    if "X-Amz-Target" not in request._headers:
        IN_XML(request)
    raise JsonRESTError("AccessDeniedException", AccessDeniedError(request._access_key.arn, request._action).message)


IAMRequest._raise_access_denied = refuse
main()
