"""A lab with services: an S3 and a DynamoDB that the stock AWS CLI uses, on 127.0.0.1 of the lab's host namespace alone; they
go with the lab."""

import json
import os
import subprocess
import tempfile

import harness


class Backends(harness.LabCase):
    INSTANCE = "e2eback"

    def new_lab(self):
        lab = super().new_lab()
        lab.environment = {**lab.environment, "CAISSON_LAB_BACKENDS": "1"}
        return lab

    def client(self, service, port, *arguments):
        key = ["AWS_ACCESS_KEY_ID=S3RVER", "AWS_SECRET_ACCESS_KEY=S3RVER"]
        out = self.lab.execute("env", *key, "aws", service, *arguments, "--endpoint-url", f"http://127.0.0.1:{port}",
                               "--output", "json")
        return json.loads(out) if out.strip() else None

    def test_services_come_and_go_with_the_lab(self):
        status = self.lab.dev("status", "--instance", self.INSTANCE).stdout
        self.assertLessEqual({"s3: running", "dynamodb: running"}, set(status.splitlines()))
        self.s3()
        self.dynamodb()
        listening = self.lab.execute("ss", "-Hltn", "( sport = :4568 or sport = :4567 )").split()
        self.assertEqual(sorted(word for word in listening if ":456" in word), ["127.0.0.1:4567", "127.0.0.1:4568"])
        pids = [self.lab.pid(name) for name in ("s3", "dynamodb")]
        self.assertEqual([os.stat(f"/proc/{pid}").st_uid for pid in pids], [65534, 65534])
        self.lab.down()
        self.assertEqual([pid for pid in pids if harness.process_runs(pid)], [])
        self.assertEqual([path for path in (self.lab.run, f"{self.lab.state}.bin") if os.path.exists(path)], [])

    def s3(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/in", "wb") as file:
                file.write(os.urandom(100_000))
            self.client("s3api", 4568, "create-bucket", "--bucket", "shelf")
            self.client("s3api", 4568, "put-object", "--bucket", "shelf", "--key", "a/b", "--body", f"{folder}/in")
            listed = self.client("s3api", 4568, "list-objects-v2", "--bucket", "shelf")["Contents"]
            self.assertEqual([(one["Key"], one["Size"]) for one in listed], [("a/b", 100_000)])
            self.client("s3api", 4568, "get-object", "--bucket", "shelf", "--key", "a/b", f"{folder}/out")
            subprocess.run(["cmp", f"{folder}/in", f"{folder}/out"], check=True)

    def dynamodb(self):
        self.client("dynamodb", 4567, "create-table", "--table-name", "table", "--billing-mode", "PAY_PER_REQUEST",
                    "--attribute-definitions", "AttributeName=k,AttributeType=S", "--key-schema", "AttributeName=k,KeyType=HASH")
        self.client("dynamodb", 4567, "wait", "table-exists", "--table-name", "table")
        item = {"k": {"S": "one"}, "v": {"N": "1"}}
        self.client("dynamodb", 4567, "put-item", "--table-name", "table", "--item", json.dumps(item))
        found = self.client("dynamodb", 4567, "get-item", "--table-name", "table", "--key", json.dumps({"k": {"S": "one"}}))
        self.assertEqual(found["Item"], item)


if __name__ == "__main__":
    harness.main()
