"""sigv4: what a signature costs the server that checks it, beside the client that made it (botocore)."""

import time

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench import micro, program, row, sized

NAME = "sigv4"
SIZES = (64, 4096, 1 << 20)


def botocore_us(size):
    """The least of many times that botocore takes to sign a request with such a body."""
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), "ec2", "us-east-1")
    least = float("inf")
    for _ in range(sized(200, 3)):
        request = AWSRequest(method="POST", url="http://netd/v1/CreateVpc", data=b"x" * size,
                             headers={"Content-Type": "application/json"})
        began = time.perf_counter()
        signer.add_auth(request)
        least = min(least, time.perf_counter() - began)
    return least * 1e6


def main():
    least = micro(program("bench_sigv4_micro"),
                  sized(["--benchmark_repetitions=3", "--benchmark_min_time=0.2"], ["--benchmark_min_time=0.001"]))
    for size in SIZES:
        digest = least[f"digest/{size}"]
        verified = row(NAME, f"verify_{size}_bytes_us", "us", least[f"verify/{size}"], digest)
        row(NAME, f"botocore_sign_{size}_bytes_us", "us", botocore_us(size), verified)


if __name__ == "__main__":
    main()
