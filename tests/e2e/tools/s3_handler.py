"""A function that speaks to S3 with Python's standard library alone: {"requests": [{"method", "bucket", "path", "query",
"body", ...}]} to [{"status", "body", "headers"} or {"error"}], over one connection for each host."""

import datetime
import hashlib
import hmac
import http.client
import os
import ssl
import urllib.parse

REGION = os.environ["AWS_REGION"]
NAME = f"s3.{REGION}.amazonaws.com"
context = ssl.create_default_context()


def hashed(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed(method, host, path, query, body, secret):
    """Signature Version 4, of all headers."""
    time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": hashlib.sha256(body).hexdigest(), "x-amz-date": time,
               "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"]}
    names = ";".join(sorted(headers))
    canonical = "\n".join([method, path, query, *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names,
                           headers["x-amz-content-sha256"]])
    scope = f"{time[:8]}/{REGION}/s3/aws4_request"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hashed(key, part)
    text = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
                                f"SignedHeaders={names}, Signature={hashed(key, text).hex()}")
    return headers


def ask(connections, method, bucket="", path="/", query=None, body="", secret="", style="host", timeout=60, scheme="https"):
    host = f"{bucket}.{NAME}" if bucket and style == "host" else NAME
    if bucket and style == "path":
        path = f"/{bucket}{path}"
    query = "&".join(f"{urllib.parse.quote(name, safe='')}={urllib.parse.quote(value, safe='')}"
                     for name, value in sorted((query or {}).items()))
    connection = connections.get((scheme, host))
    if connection is None:
        connection = (http.client.HTTPSConnection(host, timeout=timeout, context=context) if scheme == "https"
                      else http.client.HTTPConnection(host, timeout=timeout))
        connections[scheme, host] = connection
    headers = signed(method, host, path, query, body.encode(), secret or os.environ["AWS_SECRET_ACCESS_KEY"])
    try:
        connection.request(method, path + (f"?{query}" if query else ""), body.encode(), headers)
        answer = connection.getresponse()
        return {"status": answer.status, "body": answer.read().decode(), "headers": dict(answer.getheaders())}
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return {"error": type(error).__name__}


def handler(event, _):
    connections = {}
    answers = []
    for request in event["requests"]:
        if event.get("anew"):
            connections = {}
        answers.append(ask(connections, **request))
    return answers
