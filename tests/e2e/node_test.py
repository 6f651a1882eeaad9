"""The runtime nodejs18.x: handlers as ES modules and CommonJS, promises and callbacks, errors as Lambda's documents, output
in the log, the AWS SDK, time-outs; and what is random differs between two copies of one snapshot."""

import base64
import os
import signal

import harness

MODULE = """
import crypto from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';

const draw = () => ({
  number: Math.random(),
  uuid: crypto.randomUUID(),
  integer: crypto.randomInt(2 ** 47),
  bytes: crypto.randomBytes(16).toString('hex'),
  web: crypto.webcrypto.getRandomValues(new Uint32Array(4)).join(),
});

// In the snapshot; with it what Node draws ahead.
const kept = Math.random;
const init = draw();
let count = 0;

export const handler = async (event, context) => {
  console.log('count is %d', ++count);
  if (event.fail) return undefined.missing;
  if (event.crash) return new Promise(() => setTimeout(() => { throw new RangeError('uncaught'); }));
  return {
    count, init, now: draw(), kept: kept(), node: process.version, id: context.awsRequestId,
    left: context.getRemainingTimeInMillis(), stream: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    region: await new S3Client().config.region(), stack: new Error().stack,
  };
};
"""

CALLBACK = """
const { DynamoDBClient } = require('@aws-sdk/client-dynamodb');

exports.handler = (event, context, callback) => {
  if (event.hang) return setInterval(() => {}, 1000);
  let late = 'not yet';
  setTimeout(() => { late = 'done'; }, 20);
  const answer = { client: typeof DynamoDBClient, get late() { return late; } };
  // The answer is sent when the event loop is empty: the timer's work is in it.
  callback(event.refuse ? 'refused' : null, answer);
};
"""

BROKEN = "require('no-such-package');\n"


class Node(harness.LabCase):
    INSTANCE = "e2enode"

    def test_functions_of_node(self):
        self.lab.function("module", MODULE, runtime="nodejs18.x", file_name="app.mjs", memory=256, timeout=60, wait=False)
        self.lab.function("callback", CALLBACK, runtime="nodejs18.x", file_name="app.js", memory=192, timeout=6, wait=False)
        self.lab.function("broken", BROKEN, runtime="nodejs18.x", file_name="app.js", memory=192, wait=False)
        self.lab.aws("wait", "function-active-v2", "--function-name", "module")
        first = self.answers_and_errors()
        self.clones_differ(first)
        self.uncaught()
        self.lab.aws("wait", "function-active-v2", "--function-name", "callback")
        self.callbacks()
        self.failed_init()

    def answers_and_errors(self):
        done, first = self.lab.invoke_raw("module", {}, "--log-type", "Tail")
        self.assertNotIn("FunctionError", done, first)
        self.assertEqual((first["count"], first["region"]), (1, "us-east-1"))
        self.assertRegex(first["node"], r"^v18\.")
        self.assertGreater(first["left"], 0)
        # The guest's clock is set by a message, and is behind by the time that it took.
        self.assertLessEqual(first["left"], 61_000)
        log = base64.b64decode(done["LogResult"]).decode()
        self.assertRegex(log, rf"\t{first['id']}\tINFO\tcount is 1\n")
        # The same environment, with its module's state.
        second = self.lab.invoke("module")
        self.assertEqual((second["count"], second["stream"]), (2, first["stream"]))
        done, error = self.lab.invoke_raw("module", {"fail": True})
        self.assertEqual(done["FunctionError"], "Unhandled")
        self.assertEqual(error["errorType"], "TypeError")
        self.assertIn("Cannot read properties of undefined", error["errorMessage"])
        self.assertIn("TypeError: Cannot read properties", error["trace"][0])
        self.assertRegex("\n".join(error["trace"]), r"at Runtime\.handler \(file:///var/task/app\.mjs:\d+:\d+\)")
        # An error of the handler's ends nothing.
        self.assertEqual(self.lab.invoke("module")["count"], 4)
        return first

    def clones_differ(self, first):
        (machine,) = self.machines_of("module", first)
        os.kill(machine, signal.SIGKILL)
        harness.eventually("the end of its microVM", lambda: not harness.process_runs(machine))
        other = self.lab.invoke("module")
        self.assertEqual(other["count"], 1)
        self.assertEqual(other["init"], first["init"], "copies of one snapshot")
        for what, value in first["now"].items():
            self.assertNotEqual(other["now"][what], value, what)
        self.assertNotEqual(other["kept"], first["kept"])
        self.assertNotEqual(other["stream"], first["stream"])

    def machines_of(self, name, answer):
        """The one microVM that runs: the others' preparations have ended when their functions are in a last state."""
        for other in ("callback", "broken"):
            harness.eventually(f"{other} is prepared", lambda other=other: self.state(other) != "Pending", seconds=180)
        self.assertEqual(self.lab.invoke(name)["stream"], answer["stream"])
        harness.eventually("one microVM", lambda: len(self.lab.machines()) == 1, seconds=60)
        return self.lab.machines().values()

    def state(self, name):
        return self.lab.aws("get-function-configuration", "--function-name", name)["State"]

    def uncaught(self):
        """What no handler catches ends the process, after its error document was posted; the next event finds a new one."""
        done, error = self.lab.invoke_raw("module", {"crash": True})
        self.assertEqual(done["FunctionError"], "Unhandled")
        self.assertEqual((error["errorType"], error["errorMessage"]), ("RangeError", "uncaught"))
        self.assertEqual(self.lab.invoke("module")["count"], 1)

    def callbacks(self):
        self.assertEqual(self.lab.invoke("callback"), {"client": "function", "late": "done"})
        done, error = self.lab.invoke_raw("callback", {"refuse": True})
        self.assertEqual(done["FunctionError"], "Unhandled")
        self.assertEqual(error["errorMessage"], "refused")
        done, error = self.lab.invoke_raw("callback", {"hang": True})
        self.assertEqual(done["FunctionError"], "Unhandled")
        self.assertRegex(error["errorMessage"], r"Task timed out after 6\.00 seconds$")

    def failed_init(self):
        function = self.lab.aws("get-function-configuration", "--function-name", "broken")
        self.assertEqual((function["State"], function["StateReasonCode"]), ("Failed", "FunctionError.RuntimeInitError"))
        self.assertIn("Cannot find module 'no-such-package'", function["StateReason"])


if __name__ == "__main__":
    harness.main()
