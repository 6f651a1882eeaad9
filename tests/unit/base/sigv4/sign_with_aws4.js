// Signs the requests of a JSON array with npm's aws4 and prints their headers as a JSON array.
const aws4 = require('aws4');

const requests = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const signed = requests.map((request) => {
  const options = {
    service: request.service,
    region: request.region,
    method: request.method,
    host: request.host,
    path: request.target,
    headers: Object.assign({ 'X-Amz-Date': request.time }, request.headers),
  };
  if (request.body.length > 0) options.body = Buffer.from(request.body, 'hex');
  aws4.sign(options, { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: request.secret });
  return options.headers;
});
process.stdout.write(JSON.stringify(signed));
