"""A certificate authority that the host made (runnerd's --ca-certificate) is trusted in guests, by the means that Python's and
Node's own libraries take; a server with a certificate of another one is refused."""

import os
import shutil
import subprocess
import tempfile

import harness

ADDRESS = "198.51.100.10"

PYTHON = """
import ssl, urllib.request

def handler(event, context):
    try:
        return urllib.request.urlopen(event["url"], timeout=20).read().decode()
    except OSError as error:
        reason = error.reason
        return reason.verify_message if isinstance(reason, ssl.SSLCertVerificationError) else repr(error)
"""

NODE = """
import https from 'node:https';
import fs from 'node:fs';

const get = (url) => new Promise((resolve, reject) => {
  https.get(url, { agent: false }, (response) => {
    let text = '';
    response.on('data', (chunk) => { text += chunk; }).on('end', () => resolve(text));
  }).on('error', reject);
});

export const handler = async ({ url }) => {
  const trusted = fs.readFileSync('/etc/ssl/certs/ca-certificates.crt', 'utf8').split('BEGIN CERTIFICATE').length - 1;
  const writable = fs.accessSync.bind(null, '/etc/ssl/certs/ca-certificates.crt', fs.constants.W_OK);
  let refused = '';
  try { writable(); } catch (error) { refused = error.code; }
  let answer;
  try { answer = await get(url); } catch (error) { answer = error.code; }
  let fetched;
  try { fetched = await (await fetch(url)).text(); } catch (error) { fetched = error.cause.code; }
  return { answer, fetched, trusted, refused };
};
"""


class TrustedAuthority(harness.LabCase):
    INSTANCE = "e2eca"

    def new_lab(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-ca-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        for name in ("trusted", "unknown"):
            self.make_authority(name)
        lab = super().new_lab()
        lab.environment = {**lab.environment, "CAISSON_RUNNERD_OPTIONS": f"--ca-certificate {self.folder}/trusted.crt"}
        return lab

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=self.folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def make_authority(self, name):
        """NAME.crt, and NAME.server.pem: a server's key and its certificate by that authority."""
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self.openssl("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "2", "-subj", f"/CN={name} authority")
        self.openssl("req", "-x509", *key, "-keyout", f"{name}.server.key", "-out", f"{name}.server.crt", "-days", "2",
                     "-CA", f"{name}.crt", "-CAkey", f"{name}.key", "-subj", "/CN=server", "-addext", f"subjectAltName=IP:{ADDRESS}",
                     "-addext", "basicConstraints=critical,CA:FALSE")
        with open(f"{self.folder}/{name}.server.pem", "w", encoding="ascii") as out:
            for part in ("key", "crt"):
                with open(f"{self.folder}/{name}.server.{part}", encoding="ascii") as file:
                    out.write(file.read())

    def test_guests_trust_it_and_no_other(self):
        self.lab.function("python", PYTHON, timeout=60, wait=False)
        self.lab.function("node", NODE, runtime="nodejs18.x", file_name="app.mjs", memory=192, timeout=60, wait=False)
        urls = {}
        for name, port in (("trusted", 443), ("unknown", 444)):
            server = self.lab.tool(f"caisson-{self.INSTANCE}-internet", "tls_server.py", ADDRESS, port, f"{self.folder}/{name}.server.pem")
            self.assertEqual(server.line(), {"listening": port})
            urls[name] = f"https://{ADDRESS}:{port}/"
        self.lab.aws("wait", "function-active-v2", "--function-name", "python")
        self.assertEqual(self.lab.invoke("python", {"url": urls["trusted"]}), "hello")
        self.assertEqual(self.lab.invoke("python", {"url": urls["unknown"]}), "unable to get local issuer certificate")
        self.lab.aws("wait", "function-active-v2", "--function-name", "node")
        trusted = self.lab.invoke("node", {"url": urls["trusted"]})
        self.assertEqual((trusted["answer"], trusted["fetched"]), ("hello", "hello"))
        # Beside the public ones, and not for the function to change.
        self.assertGreater(trusted["trusted"], 100)
        self.assertEqual(trusted["refused"], "EACCES")
        unknown = self.lab.invoke("node", {"url": urls["unknown"]})
        self.assertEqual((unknown["answer"], unknown["fetched"]), ("UNABLE_TO_VERIFY_LEAF_SIGNATURE",) * 2)


if __name__ == "__main__":
    harness.main()
