"""HTTP requests signed by botocore: a JSON object a line in, one a line out. Arguments: ACCESS_KEY SECRET [TOKEN].

In: service, url, method, body, and optionally headers. Out: status, headers and body as text; without `service` the
request goes unsigned. With `tell` the reply has the headers that were sent, too."""

import http.client
import json
import sys
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def answer(asked, credentials):
    headers = {"Content-Type": "application/json", **asked.get("headers", {})}
    request = AWSRequest(method=asked["method"], url=asked["url"], headers=headers, data=asked.get("body", ""))
    if "service" in asked:
        SigV4Auth(credentials, asked["service"], "us-east-1").add_auth(request)
    place = urllib.parse.urlsplit(asked["url"])
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=120)
    try:
        target = place.path + ("?" + place.query if place.query else "")
        connection.request(asked["method"], target, asked.get("body", "").encode(), dict(request.headers.items()))
        reply = connection.getresponse()
        told = {"status": reply.status, "headers": {name.lower(): value for name, value in reply.getheaders()},
                "body": reply.read().decode()}
        return {**told, "sent": dict(request.headers.items())} if asked.get("tell") else told
    finally:
        connection.close()


def main():
    credentials = Credentials(*sys.argv[1:4])
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), credentials)), flush=True)


if __name__ == "__main__":
    main()
