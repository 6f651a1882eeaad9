"""Invokes functions with botocore, the stock client, as told by JSON lines; to be run by `lab exec`.

A line on stdin is {"function", "payload"}: the answer is {"ms", "status", "function_error", "payload", "log"}, or
{"ms", "status", "code", "message", "reason"} when the API refused.
"""

import base64
import json
import sys
import time

import botocore.config
import botocore.exceptions
import botocore.session


def call(client, request):
    begun = time.monotonic()
    try:
        done = client.invoke(FunctionName=request["function"], Payload=json.dumps(request["payload"]), LogType="Tail")
        answer = {"status": done["StatusCode"], "function_error": done.get("FunctionError"),
                  "payload": json.loads(done["Payload"].read()),
                  "log": base64.b64decode(done.get("LogResult", "")).decode(errors="replace")}
    except botocore.exceptions.ClientError as error:
        answer = {"status": error.response["ResponseMetadata"]["HTTPStatusCode"],
                  "code": error.response["Error"]["Code"], "message": error.response["Error"]["Message"],
                  "reason": error.response.get("Reason")}
    answer["ms"] = (time.monotonic() - begun) * 1000
    return answer


def main():
    # One attempt: what the daemon answers is what is seen.
    config = botocore.config.Config(read_timeout=180, retries={"total_max_attempts": 1})
    client = botocore.session.get_session().create_client("lambda", endpoint_url="http://127.0.0.1:4751",
                                                          config=config)
    for line in sys.stdin:
        print(json.dumps(call(client, json.loads(line))), flush=True)


main()
