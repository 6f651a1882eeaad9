"""The Python runtime: imports the function's handler and serves the Lambda Runtime API with it.

Error shapes and messages are those of AWS's own runtime (awslambdaric), since functions' owners match on them.
"""

import base64
import importlib
import json
import logging
import os
import random
import socket
import sys
import time
import traceback

API_PREFIX = "/2018-06-01/runtime/"


class RuntimeApi:
    """One connection to the agent, kept open. Every answer of the agent has a Content-Length."""

    def __init__(self, address):
        host, port = address.split(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        self._address = address

    def call(self, method, path, body=b"", headers=()):
        """Returns (status, headers with lower-case names, body)."""
        lines = [f"{method} {API_PREFIX}{path} HTTP/1.1", f"Host: {self._address}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self._socket.sendall("\r\n".join(lines + ["", ""]).encode("latin-1") + body)
        status = int(self._reader.readline().split()[1])
        received = {}
        while line := self._reader.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            received[name.lower()] = value.strip()
        return status, received, self._reader.read(int(received.get("content-length", 0)))

    def next_event(self):
        _, headers, body = self.call("GET", "invocation/next")
        return headers, body

    def respond(self, request_id, body):
        self.call("POST", f"invocation/{request_id}/response", body, [("Content-Type", "application/json")])

    def fail(self, path, error):
        headers = [("Content-Type", "application/json"), ("Lambda-Runtime-Function-Error-Type", error["errorType"])]
        self.call("POST", path, json.dumps(error).encode(), headers)


class InitError(Exception):
    """An error of the function's init whose type Lambda defines."""

    def __init__(self, error_type, message, trace=()):
        super().__init__(message)
        self.error = {"errorMessage": message, "errorType": error_type, "requestId": "", "stackTrace": list(trace)}


class CognitoIdentity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class Client:
    def __init__(self, fields):
        for name in ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"):
            setattr(self, name, fields.get(name))


class ClientContext:
    def __init__(self, fields):
        self.client = Client(fields.get("client") or {})
        self.custom = fields.get("custom")
        self.env = fields.get("env")


class Context:
    """What the handler gets as its second argument."""

    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = CognitoIdentity()
        client_context = headers.get("lambda-runtime-client-context")
        self.client_context = ClientContext(json.loads(client_context)) if client_context else None
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))


class RequestIdFilter(logging.Filter):
    """Gives each log record the id of the invocation that is running."""

    request_id = ""

    def filter(self, record):
        record.aws_request_id = self.request_id
        return True


def set_up_logging():
    request_id = RequestIdFilter()
    handler = logging.StreamHandler(sys.stdout)
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(request_id)
    logging.getLogger().addHandler(handler)
    return request_id


def trace_of(error):
    """The frames of the function's own code, as Lambda lists them."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    return traceback.format_list(own)


def describe(error, request_id):
    if isinstance(error, InitError):
        return error.error
    described = {"errorMessage": str(error), "errorType": type(error).__name__, "requestId": request_id}
    return {**described, "stackTrace": trace_of(error)}


def log_error(error):
    print(f"[ERROR] {error['errorType']}: {error['errorMessage']}")
    if error["stackTrace"]:
        print("Traceback (most recent call last):\n" + "".join(error["stackTrace"]), end="")
    sys.stdout.flush()


def load_handler(name):
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        text = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        raise InitError("Runtime.MalformedHandlerName", text)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise InitError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        text = f"Syntax error in module '{module_name}': {error}"
        raise InitError("Runtime.UserCodeSyntaxError", text, trace) from error
    if not hasattr(module, function_name):
        text = f"Handler '{function_name}' missing on module '{module_name}'"
        raise InitError("Runtime.HandlerNotFound", text)
    return getattr(module, function_name)


def after_restore(encoded):
    """This process is a copy of one in a snapshot: what must differ between copies is made anew."""
    for variable in base64.b64decode(encoded).split(b"\0"):
        if variable:
            name, _, value = variable.partition(b"=")
            os.environb[name] = value
    random.seed()
    # OpenSSL's generator is seeded once in a process; what is added reseeds it.
    ssl = sys.modules.get("ssl")
    if ssl is not None:
        ssl.RAND_add(os.urandom(48), 48.0)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def run_handler(handler, headers, body):
    """The response's bytes."""
    result = handler(json.loads(body or b"null"), Context(headers))
    try:
        return json.dumps(result).encode()
    except (TypeError, ValueError) as error:
        # A handler's result is its output: what is wrong with it is not an error of the handler's lines.
        raise InitError("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def serve_event(api, handler, request_id_filter):
    headers, body = api.next_event()
    if "caisson-restored" in headers:
        after_restore(headers["caisson-restored"])
    request_id = headers["lambda-runtime-aws-request-id"]
    request_id_filter.request_id = request_id
    if "lambda-runtime-trace-id" in headers:
        os.environ["_X_AMZN_TRACE_ID"] = headers["lambda-runtime-trace-id"]
    try:
        response = run_handler(handler, headers, body)
    except Exception as error:
        described = {**describe(error, request_id), "requestId": request_id}
        log_error(described)
        api.fail(f"invocation/{request_id}/error", described)
        return
    sys.stdout.flush()
    api.respond(request_id, response)


def main():
    sys.stdout.reconfigure(line_buffering=True, encoding="utf-8", errors="backslashreplace")
    sys.path[:1] = [os.environ.get("LAMBDA_TASK_ROOT", "/var/task"), "/opt/python/lib/python3.11/site-packages",
                    "/opt/python", "/var/runtime"]
    sys.argv = [sys.argv[0]]
    request_id_filter = set_up_logging()
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except Exception as error:
        described = describe(error, "")
        log_error(described)
        api.fail("init/error", described)
        sys.exit(1)
    while True:
        serve_event(api, handler, request_id_filter)
